"""The verification page of the device flow (RFC 8628 3.3): the user enters a code, then allows or declines access."""

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.actor import Actor, Channel
from accounts.rate_limits import enforce_rate_limit, restore_rate_limit
from core.client_ip import get_client_network
from oauth import rate_limits
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.consent import notifications
from oauth.consent.authorization_request import InvalidAuthorizationRequest, refresh_client_metadata
from oauth.consent.choices import ConsentChoices
from oauth.models import AppGrant, DeviceAuthorization
from oauth.tokens import device_codes
from oauth.toolkit.scopes import select_scopes


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def connect_device(request: HttpRequest) -> HttpResponseBase:
    """Ask for the code, or for consent to what the device with this code requests. The code stays in the URL."""
    actor = actor_from_request(request, Channel.WEB)
    if actor.user is None:  # before anybody can try codes
        return redirect_to_login(request.get_full_path())
    typed = request.GET.get("user_code", "").strip()
    if not typed:
        return render(request, "oauth/device.html")
    try:
        device = _find_device(request, actor, typed)
        if device is None:
            return _reject_code(request, typed)
        _refresh_app(device, actor)
        return _handle_consent(request, actor, device)
    except InvalidAuthorizationRequest as error:
        return render(request, "oauth/bad_request.html", {"problem": error}, status=400)


def _refresh_app(device: DeviceAuthorization, actor: Actor) -> None:
    """Fetch the app's metadata document if it has one that is due. Raises InvalidAuthorizationRequest."""
    refresh_client_metadata(device.application.client_id, actor.person)
    device.application.refresh_from_db()
    if not device.application.has_device_grant:
        raise InvalidAuthorizationRequest(
            "invalid_client_metadata", _("The app's metadata document does not contain the device grant.")
        )


def _find_device(request: HttpRequest, actor: Actor, typed: str) -> DeviceAuthorization | None:
    """Return the device that waits under this code. Only wrong codes count. Raises RateLimitExceeded."""
    limits = {
        rate_limits.WRONG_USER_CODES: str(actor.person.pk),
        rate_limits.WRONG_USER_CODES_OF_NETWORK: get_client_network(request),
    }
    for limit, who in limits.items():
        enforce_rate_limit(limit, who)
    device = device_codes.find_pending(device_codes.clean_user_code(typed))
    if device is not None:
        for limit, who in limits.items():
            restore_rate_limit(limit, who)
    return device


def _reject_code(request: HttpRequest, typed: str) -> HttpResponse:
    return render(request, "oauth/device.html", {"typed": typed[:20], "is_unknown": True}, status=422)


def _handle_consent(request: HttpRequest, actor: Actor, device: DeviceAuthorization) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    try:
        if data is not None and data.get("answer") != "allow":
            return _decline(request, device)
        scopes = select_scopes(device.scope.split(), device.application)
        choices = ConsentChoices.load(actor, device.application, scopes, data)
        if choices.form.is_valid():
            try:
                return _approve(request, actor, device, choices.form.build_options())
            except grants.TooManyApps:
                choices.add_too_many_apps_error()
    except device_codes.CodeAnswered:
        return _reject_code(request, request.GET["user_code"].strip())
    context = {
        "device": device,
        "user_code": device_codes.format_user_code(device_codes.clean_user_code(request.GET["user_code"])),
        "when": _describe_age(device),
        "is_elsewhere": device.requested_from != get_client_network(request),
        **choices.build_context(actor),
    }
    return render(request, "oauth/device_consent.html", context, status=200 if data is None else 422)


def _describe_age(device: DeviceAuthorization) -> str:
    minutes = int((timezone.now() - device.created_at).total_seconds() // 60)
    if not minutes:
        return _("less than a minute ago")
    return ngettext("%(n)d minute ago", "%(n)d minutes ago", minutes) % {"n": minutes}


def _decline(request: HttpRequest, device: DeviceAuthorization) -> HttpResponse:
    device_codes.deny(device)
    messages.success(request, _("%(app)s did not get access.") % {"app": device.application})
    return redirect("oauth:apps")


def _approve(
    request: HttpRequest, actor: Actor, device: DeviceAuthorization, options: grants.GrantOptions
) -> HttpResponse:
    """Connect the app. Raises CodeAnswered, TooManyApps."""
    try:
        with transaction.atomic():
            grants.grant_access(actor.person, device.application, options, requested=device.scope.split())
            device_codes.allow(device, actor.person, sorted(options.scopes))
    except grants.SessionEnded:
        return redirect_to_login(request.get_full_path())
    grant = AppGrant.objects.get(user=actor.person, application=device.application)
    # Also if the app was connected before: this may be another device, of somebody else.
    notifications.send_app_connected_email(grant, device_network=device.requested_from)
    messages.success(
        request,
        _("%(app)s is connected. Return to your device, which continues by itself.") % {"app": grant.name},
    )
    return redirect("oauth:app", grant.pk)
