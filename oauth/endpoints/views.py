"""The token, revocation and introspection endpoints. Whatever touches a family of tokens holds its lock."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from oauthlib.common import Request

from oauth import rate_limits
from oauth.diagnostics import client_errors
from oauth.http_responses import build_error_response, oauth_endpoint
from oauth.models import AppGrant, Application
from oauth.tokens import families, refresh_retry
from oauth.toolkit.server import get_oauth_backend


@oauth_endpoint(limit=rate_limits.TOKEN, cors=True)
def issue_token(request: HttpRequest) -> HttpResponse:
    """RFC 6749 4.1.3 and 6: a code, or a refresh token, for an access token."""
    with transaction.atomic():
        _lock_token_family(request)
        response = _create_token_response(request)
    client_errors.record_token_error(request, response)
    return response


def _lock_token_family(request: HttpRequest) -> None:
    """Of what is asked: what stands in the form beside it must not have another family held instead."""
    if request.POST.get("grant_type") == "refresh_token":
        families.lock_family_by_token(request.POST.get("refresh_token", ""))
    elif code := request.POST.get("code"):
        families.lock_family(families.derive_family_id(code))


def _create_token_response(request: HttpRequest) -> HttpResponse:
    try:
        return _build_response(*get_oauth_backend().create_token_response(request))
    except refresh_retry.RefreshReplay as repeated:
        return HttpResponse(repeated.answer, content_type="application/json")


@oauth_endpoint(limit=rate_limits.REVOKE, cors=True)
def revoke_token(request: HttpRequest) -> HttpResponse:
    """RFC 7009: the client gives a token back; its whole family ends."""
    with transaction.atomic():
        families.lock_family_by_token(request.POST.get("token", ""))
        return _build_response(*get_oauth_backend().create_revocation_response(request))


@oauth_endpoint(limit=rate_limits.INTROSPECT)
def introspect_token(request: HttpRequest) -> HttpResponse:
    """RFC 7662: a confidential client asks about a token of its own, a resource server about any."""
    client = _authenticate_client(request)
    if client is None or client.is_public:
        return _build_invalid_client_response()
    if not request.POST.get("token"):
        return build_error_response("invalid_request", "The parameter token is missing.")
    return JsonResponse(_build_introspection(client, request.POST["token"]))


def _build_introspection(client: Application, token: str) -> dict[str, object]:
    found = (
        families.AccessToken.objects.select_related("user", "application")
        .filter(token_checksum=families.compute_checksum(token), user__is_active=True)
        .first()
    )
    if found is None or found.is_expired() or not (client.is_resource_server or found.application == client):
        return {"active": False}
    grant = AppGrant.objects.filter(user=found.user, application=found.application).first()
    if grant is None or grant.has_ended or grant.paused_at is not None:
        return {"active": False}
    return {
        "active": True,
        "scope": " ".join(scope for scope in found.scope.split() if scope in grant.scopes),
        "client_id": found.application.client_id,
        "token_type": "Bearer",
        "sub": str(found.user_id),
        "aud": found.resource,
        "iss": settings.PUBLIC_URL,
        "iat": int(found.created.timestamp()),
        "exp": int(found.expires.timestamp()),
    }


def _authenticate_client(request: HttpRequest) -> Application | None:
    """Who asks: proven by its secret, or for a public client just named."""
    backend = get_oauth_backend()
    uri, method, body, headers = backend._extract_params(request)
    asked, validator = Request(uri, method, body, headers), backend.server.request_validator
    if validator.client_authentication_required(asked):
        known = validator.authenticate_client(asked)
    else:
        known = validator.authenticate_client_id(asked.client_id, asked)
    return asked.client if known else None


def _build_response(_uri: str | None, headers: dict[str, str], body: str | None, status: int) -> HttpResponse:
    response = HttpResponse(body or "", status=status, content_type="application/json")
    for name, value in headers.items():
        response[name] = value
    if status == 401:
        response["WWW-Authenticate"] = (
            'Basic realm="picard"'  # RFC 6749 5.2: the scheme that clients use here
        )
    return response


def _build_invalid_client_response() -> HttpResponse:
    refused = build_error_response("invalid_client", "Authenticate with the client's id and secret.", 401)
    refused["WWW-Authenticate"] = 'Basic realm="picard"'
    return refused
