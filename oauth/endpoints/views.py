"""The token, revocation and introspection endpoints. Requests that change a token family hold its lock."""

import json

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from oauthlib.common import Request

from accounts.rate_limits import enforce_rate_limit
from core.client_ip import get_client_network
from core.hosts import get_base_url
from oauth import rate_limits
from oauth.diagnostics import client_errors
from oauth.http_responses import build_error_response, enforce_network_limit, oauth_endpoint
from oauth.models import AppGrant, Application
from oauth.settings import DEVICE_GRANT, GRANT_TYPES
from oauth.tokens import families, refresh_retry, resource_indicators
from oauth.toolkit.server import get_oauth_backend

DESCRIPTIONS = {
    "unsupported_grant_type": f"Send grant_type={', '.join(GRANT_TYPES[:-1])} or {GRANT_TYPES[-1]}.",
    "unsupported_token_type": "Only access tokens and refresh tokens can be revoked.",
    "unauthorized_client": "This client cannot use this grant type.",
    "authorization_pending": "The user has not answered yet.",
    "slow_down": "Polled too often. Wait 5 seconds longer between polls.",
    "access_denied": "The user declined.",
    "expired_token": "The device code has expired. It is valid for 10 minutes.",
    "invalid_grant": "The code or refresh token is invalid.",
    "invalid_scope": "The requested scope is unknown or was not granted.",
}


@oauth_endpoint()
def issue_token(request: HttpRequest) -> HttpResponse:
    """Token endpoint: exchange a code, a device code or a refresh token for an access token.

    RFC 6749 4.1.3 and 6, RFC 8628 3.4.
    """
    sent = (request.POST.get(name) for name in ("refresh_token", "device_code", "code"))
    credential = next(filter(None, sent), "")
    families.enforce_credential_limit(rate_limits.TOKEN, credential, get_client_network(request))
    with transaction.atomic():
        _lock_token_family(request)
        response = _create_token_response(request)
    client_errors.record_token_error(request, response)
    return response


def _lock_token_family(request: HttpRequest) -> None:
    """Lock the family of the credential that grant_type selects. Other parameters must not select the family."""
    grant_type = request.POST.get("grant_type")
    if grant_type == "refresh_token":
        families.lock_family_by_token(request.POST.get("refresh_token", ""))
    elif grant_type == DEVICE_GRANT:
        families.lock_family(families.derive_family_id(request.POST.get("device_code", "")))
    elif code := request.POST.get("code"):
        families.lock_family(families.derive_family_id(code))


def _create_token_response(request: HttpRequest) -> HttpResponse:
    try:
        return _build_response(request, *get_oauth_backend().create_token_response(request))
    except refresh_retry.RefreshReplay as replay:
        return HttpResponse(replay.response, content_type="application/json")


@oauth_endpoint()
def revoke_token(request: HttpRequest) -> HttpResponse:
    """Revocation endpoint (RFC 7009): revoke the token and its whole family."""
    token = request.POST.get("token", "")
    families.enforce_credential_limit(rate_limits.REVOKE, token, get_client_network(request))
    with transaction.atomic():
        families.lock_family_by_token(token)
        return _build_response(request, *get_oauth_backend().create_revocation_response(request))


@oauth_endpoint()
def introspect_token(request: HttpRequest) -> HttpResponse:
    """Introspection endpoint (RFC 7662): for confidential clients their own tokens, for resource servers any."""
    client = authenticate_client(request)
    if client is None or client.is_public:
        enforce_network_limit(rate_limits.INTROSPECT, request)
        return reject_client(request)
    enforce_rate_limit(rate_limits.INTROSPECT, str(client.client_id))
    if not request.POST.get("token"):
        return build_error_response("invalid_request", "The parameter token is missing.")
    return JsonResponse(_build_introspection(request, client, request.POST["token"]))


def _build_introspection(request: HttpRequest, client: Application, token: str) -> dict[str, object]:
    access_token = (
        families.AccessToken.objects.select_related("user", "application")
        .filter(token_checksum=families.compute_checksum(token), user__is_active=True)
        .first()
    )
    if access_token is None or access_token.is_expired():
        return {"active": False}
    if not (client.is_resource_server or access_token.application == client):
        return {"active": False}
    grant = AppGrant.objects.filter(user=access_token.user, application=access_token.application).first()
    if grant is None or grant.has_ended or grant.paused_at is not None:
        return {"active": False}
    is_for_all = access_token.application.is_personal_token
    if is_for_all and not settings.PERSONAL_TOKENS:
        return {"active": False}
    issuer = get_base_url(request)
    expires = min(filter(None, (access_token.expires, grant.ends_at)))
    resources = resource_indicators.list_resources() if is_for_all else access_token.resource
    return {
        "active": True,
        "scope": " ".join(scope for scope in access_token.scope.split() if scope in grant.scopes),
        "client_id": access_token.application.client_id,
        "token_type": "Bearer",
        "sub": str(access_token.user_id),
        "aud": [resource.replace(settings.PUBLIC_URL, issuer, 1) for resource in resources],
        "iss": issuer,
        "iat": int(access_token.created.timestamp()),
        "exp": int(expires.timestamp()),
    }


def authenticate_client(request: HttpRequest) -> Application | None:
    """Return the client, authenticated by its secret or, if public, identified by its id; None if that fails."""
    backend = get_oauth_backend()
    uri, method, body, headers = backend._extract_params(request)
    oauth_request, validator = Request(uri, method, body, headers), backend.server.request_validator
    if validator.client_authentication_required(oauth_request):
        is_valid = validator.authenticate_client(oauth_request)
    else:
        is_valid = validator.authenticate_client_id(oauth_request.client_id, oauth_request)
    return oauth_request.client if is_valid else None


def reject_client(request: HttpRequest) -> HttpResponse:
    """Return the response to a client that is not authenticated (RFC 6749 5.2)."""
    return _build_response(request, None, {}, '{"error": "invalid_client"}', 401)


def _build_response(
    request: HttpRequest, _uri: str | None, headers: dict[str, str], body: str | None, status: int
) -> HttpResponse:
    if status >= 400 and body:
        body = _add_description(request, body)
    response = HttpResponse(body or "", status=status, content_type="application/json")
    for name, value in headers.items():
        response[name] = value
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="picard"'  # RFC 6749 5.2: the scheme that clients use
    return response


def _add_description(request: HttpRequest, body: str) -> str:
    """Add the error_description where oauthlib has none."""
    error = json.loads(body)
    if not error.get("error_description"):
        if error["error"] == "invalid_client":
            error["error_description"] = client_errors.describe_client_error(request)
        else:
            error["error_description"] = DESCRIPTIONS.get(error["error"], "The request is invalid.")
    return json.dumps(error)
