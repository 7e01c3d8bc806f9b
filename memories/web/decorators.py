"""Authentication and error handling shared by the memory pages."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts.actor import Actor, Channel, InsufficientScope
from accounts.fields import DecryptError
from memories.errors import MemoryNotFound, SavedFilterNotFound, TagNotFound
from oauth.access.request_actor import actor_from_request

if TYPE_CHECKING:

    class Request(HttpRequest):
        """A request with the attribute that django-htmx adds."""

        htmx: HtmxDetails

else:
    Request = HttpRequest

ViewParams = ParamSpec("ViewParams")
FORM_FIELD_NAMES = {"expires_at": "expires_on"}  # domain field -> form field


def memory_view(
    view: Callable[Concatenate[Request, Actor, ViewParams], HttpResponseBase],
) -> Callable[Concatenate[Request, ViewParams], HttpResponseBase]:
    """Require a logged-in user, pass the actor to the view, map domain errors and forbid caching."""

    @wraps(view)
    def page(request: Request, /, *args: ViewParams.args, **kwargs: ViewParams.kwargs) -> HttpResponseBase:
        actor = actor_from_request(request, Channel.WEB)
        if actor.user is None:
            return _redirect_anonymous_user(request)
        try:
            response = view(request, actor, *args, **kwargs)
        except (SavedFilterNotFound, MemoryNotFound, TagNotFound):
            # 404 instead of 403: the existence of another user's memory is private too.
            raise Http404 from None
        except InsufficientScope:
            raise PermissionDenied from None
        except DecryptError:
            response = render(request, "memories/unreadable.html", status=500)
        response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["HX-Request"])
        return response

    return page


def add_form_errors(form: Form, error: ValidationError) -> None:
    """Add the domain's validation errors to the matching form fields."""
    for name, errors in error.error_dict.items():
        field = FORM_FIELD_NAMES.get(name, name)
        form.add_error(field if field in form.fields else None, errors)


def redirect_back(request: HttpRequest, default: str, *args: object) -> HttpResponse:
    """Redirect to the posted `next` URL if it belongs to this site, else to `default`."""
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return redirect(target)
    return redirect(default, *args)


def _redirect_anonymous_user(request: Request) -> HttpResponseBase:
    if not request.htmx:
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/memories/")
    if request.method == "POST":
        return HttpResponse(status=401)  # a redirect would discard the input; picard.js shows why
    login = redirect_to_login(request.htmx.current_url_abs_path or "/memories/")
    return HttpResponseClientRedirect(login["Location"])
