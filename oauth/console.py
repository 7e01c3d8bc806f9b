"""For developers: the apps that a person registered themselves."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from oauth import clients, resources
from oauth.forms import AppForm
from oauth.models import Application

APPS_A_PERSON = 50


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def console(request: HttpRequest) -> HttpResponseBase:
    form = AppForm(request.POST if request.method == "POST" else None)
    registered = _register(_person(request), form) if form.is_valid() else None
    if registered is not None:
        return _secret_once(request, registered.application, registered.secret)
    context = {"form": form, "apps": _own(request).order_by("name"), **_addresses()}
    return render(request, "oauth/console.html", context, status=422 if form.is_bound else 200)


@require_POST
@login_required
@never_cache
def rotate(request: HttpRequest, client_id: str) -> HttpResponseBase:
    own = _own(request).filter(client_type=Application.CLIENT_CONFIDENTIAL)
    application = get_object_or_404(own, client_id=client_id)
    return _secret_once(request, application, clients.rotate_secret(application))


@require_POST
@login_required
def delete(request: HttpRequest, client_id: str) -> HttpResponseBase:
    application = get_object_or_404(_own(request), client_id=client_id)
    application.delete()
    messages.success(
        request, _("%(app)s is deleted, and disconnected from everybody.") % {"app": application}
    )
    return redirect("oauth:console")


def _register(user: User, form: AppForm) -> clients.Registered | None:
    given = form.cleaned_data
    if Application.objects.filter(user=user).count() >= APPS_A_PERSON:
        form.add_error(None, _("You have registered 50 apps. Delete one first."))
        return None
    try:
        return clients.register(
            name=given["name"],
            redirect_uris=given["redirect_uris"].split(),
            is_public=given["is_public"],
            user=user,
        )
    except ValidationError as error:
        for name, errors in error.error_dict.items():
            form.add_error(name if name in form.fields else None, errors)
        return None


def _secret_once(request: HttpRequest, application: Application, secret: str) -> HttpResponse:
    """No redirect: the secret is nowhere but in this answer."""
    context = {"app": application, "secret": secret, "overlap_days": clients.OVERLAP.days, **_addresses()}
    return render(request, "oauth/registered.html", context)


def _own(request: HttpRequest) -> Any:
    return Application.objects.filter(user=_person(request))


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    return request.user


def _addresses() -> dict[str, Any]:
    return {"site": settings.PUBLIC_URL, "resources": resources.known_resources()}
