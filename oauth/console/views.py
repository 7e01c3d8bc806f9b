"""Developer console: the apps that a user registered."""

from collections.abc import Callable
from functools import wraps
from typing import Any

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
from core.hosts import get_base_url
from oauth.console.forms import AppChangeForm, AppForm
from oauth.diagnostics import client_errors
from oauth.models import Application
from oauth.redirect_uris import MAX_COUNT, get_redirect_uri_error
from oauth.registration import manual as manual_registration
from oauth.tokens import resource_indicators

MAX_APPS_PER_USER = 50


def own_app_required(
    view: Callable[[HttpRequest, Application], HttpResponseBase],
) -> Callable[[HttpRequest, str], HttpResponseBase]:
    """Decorate a view of an app of the user: log-in required, never cached, 404 for apps of others."""

    @login_required
    @never_cache
    @wraps(view)
    def page(request: HttpRequest, client_id: str) -> HttpResponseBase:
        return view(request, get_object_or_404(_get_own_apps(request), client_id=client_id))

    return page


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def developer_console(request: HttpRequest) -> HttpResponseBase:
    form = AppForm(request.POST if request.method == "POST" else None)
    registered = _register_app(_get_user(request), form) if form.is_valid() else None
    if registered is not None:
        return _render_secret_once(request, registered.application, registered.secret)
    context = {"form": form, "apps": _get_own_apps(request).order_by("name"), **_build_url_context(request)}
    return render(request, "oauth/console.html", context, status=422 if form.is_bound else 200)


@require_POST
@login_required
def check_redirect_uris(request: HttpRequest) -> HttpResponseBase:
    """Validate the redirect URIs that are being typed."""
    typed = request.POST.get("redirect_uris", "").split()[:MAX_COUNT]
    checks = [(uri, get_redirect_uri_error(uri)) for uri in typed]
    return render(request, "oauth/_redirect_url_checks.html", {"checks": checks})


@require_http_methods(["GET", "HEAD", "POST"])
@own_app_required
def edit_app(request: HttpRequest, application: Application) -> HttpResponseBase:
    initial = {
        "name": application.name,
        "redirect_uris": "\n".join(application.redirect_uris.split()),
        "device_flow": application.device_flow,
    }
    form = AppChangeForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid() and _update_app(application, form):
        messages.success(request, _("Saved. The change applies immediately."))
        return redirect("oauth:own_app", application.client_id)
    context = {
        "app": application,
        "form": form,
        "client_errors": client_errors.list_client_errors(application),
        **_build_url_context(request),
    }
    return render(request, "oauth/app_settings.html", context, status=422 if form.is_bound else 200)


@require_POST
@own_app_required
def rotate_secret(request: HttpRequest, application: Application) -> HttpResponseBase:
    if application.is_public:
        return redirect("oauth:own_app", application.client_id)
    return _render_secret_once(request, application, manual_registration.rotate_client_secret(application))


@require_POST
@own_app_required
def clear_client_errors(request: HttpRequest, application: Application) -> HttpResponseBase:
    client_errors.delete_client_errors(application)
    messages.success(request, _("Errors cleared."))
    return redirect("oauth:own_app", application.client_id)


@require_POST
@own_app_required
def delete_app(request: HttpRequest, application: Application) -> HttpResponseBase:
    application.delete()
    messages.success(
        request, _("%(app)s was deleted. All its users are disconnected.") % {"app": application}
    )
    return redirect("oauth:console")


def _register_app(user: User, form: AppForm) -> manual_registration.RegisteredApp | None:
    data = form.cleaned_data
    if _get_apps_of(user).count() >= MAX_APPS_PER_USER:
        form.add_error(None, _("You can register at most 50 apps. Delete one first."))
        return None
    try:
        return manual_registration.register_app(
            name=data["name"],
            redirect_uris=data["redirect_uris"].split(),
            is_public=data["is_public"],
            device_flow=data["device_flow"],
            user=user,
        )
    except ValidationError as error:
        _add_form_errors(form, error)
        return None


def _update_app(application: Application, form: AppChangeForm) -> bool:
    data = form.cleaned_data
    try:
        manual_registration.update_app(
            application,
            name=data["name"],
            redirect_uris=data["redirect_uris"].split(),
            device_flow=data["device_flow"],
        )
    except ValidationError as error:
        application.refresh_from_db()
        _add_form_errors(form, error)
        return False
    return True


def _add_form_errors(form: AppChangeForm, error: ValidationError) -> None:
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


def _render_secret_once(request: HttpRequest, application: Application, secret: str) -> HttpResponse:
    """Render instead of redirecting, because the secret exists only in this response."""
    context = {
        "app": application,
        "secret": secret,
        "overlap_days": manual_registration.SECRET_OVERLAP.days,
        **_build_url_context(request),
    }
    return render(request, "oauth/app_registered.html", context)


def _get_own_apps(request: HttpRequest) -> Any:
    return _get_apps_of(_get_user(request))


def _get_apps_of(user: User) -> Any:
    return Application.objects.filter(user=user, is_personal_token=False)


def _get_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    return request.user


def _build_url_context(request: HttpRequest) -> dict[str, Any]:
    site = get_base_url(request)
    return {"site": site, "resources": [f"{site}{path}" for path in resource_indicators.PATHS.values()]}
