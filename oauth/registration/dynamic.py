"""Dynamic client registration (RFC 7591) and its management (RFC 7592).

Anyone can register, so such clients can only request read and write access with the authorization code grant.
"""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from oauth2_provider.views import DynamicClientRegistrationManagementView, DynamicClientRegistrationView

from oauth import client_names, rate_limits
from oauth.http_responses import build_error_response, oauth_endpoint
from oauth.models import AppGrant, Application
from oauth.settings import AUTH_METHODS, GRANT_TYPES

MAX_BYTES = 20_000
UNUSED_DAYS = 7


class _RegistrationResponseMixin:
    """Validates requests, and completes the toolkit's responses."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.user = AnonymousUser()  # another site must not register an app on behalf of its visitor
        if request.method in ("POST", "PUT") and (error := _get_request_error(request)):
            return error
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if response.status_code in (200, 201) and isinstance(response, HttpResponse):
            return _complete_response(response, _parse_metadata(request))
        return response


class _RegistrationView(_RegistrationResponseMixin, DynamicClientRegistrationView):  # type: ignore[misc]
    pass


class _RegistrationManagementView(_RegistrationResponseMixin, DynamicClientRegistrationManagementView):  # type: ignore[misc]
    def put(self, request: HttpRequest, client_id: str, *args: object, **kwargs: object) -> HttpResponse:
        client = Application.objects.filter(client_id=client_id).first()
        if client and client.is_public != (
            _parse_metadata(request).get("token_endpoint_auth_method") == "none"
        ):
            return build_error_response(
                "invalid_client_metadata", "Register a new client to change token_endpoint_auth_method."
            )
        response: HttpResponse = super().put(request, client_id, *args, **kwargs)
        return response


register = oauth_endpoint(limit=rate_limits.REGISTER, takes_form=False)(_RegistrationView.as_view())
manage = oauth_endpoint(methods=("GET", "PUT", "DELETE"), limit=rate_limits.REVOKE, takes_form=False)(
    _RegistrationManagementView.as_view()
)


def purge_unused_apps() -> int:
    """Delete self-registered apps that nobody connected within UNUSED_DAYS; return their number."""
    connected = AppGrant.objects.filter(application_id=OuterRef("pk"))
    old = Application.objects.exclude(registration_source=Application.RegistrationSource.MANUAL).filter(
        ~Exists(connected), created__lt=Now() - timedelta(days=UNUSED_DAYS)
    )
    count: int = old.delete()[1].get("oauth.Application", 0)
    return count


def _get_request_error(request: HttpRequest) -> HttpResponse | None:
    metadata = _parse_metadata(request)
    if not metadata:
        return build_error_response(
            "invalid_client_metadata",
            "The body must be a JSON object of at most 20,000 bytes, without NUL characters or lone surrogates.",
        )
    return get_metadata_error(metadata)


def get_metadata_error(metadata: dict[str, object]) -> HttpResponse | None:
    """Return an error response if a self-registered client cannot have this metadata, else None."""
    grants = metadata.get("grant_types", ["authorization_code"])
    if not isinstance(grants, list) or not all(grant in GRANT_TYPES for grant in grants):
        return build_error_response(
            "invalid_client_metadata", "grant_types can contain only authorization_code and refresh_token."
        )
    if metadata.get("response_types", ["code"]) != ["code"]:
        return build_error_response("invalid_client_metadata", "response_types can contain only code.")
    if metadata.get("token_endpoint_auth_method", AUTH_METHODS[0]) not in AUTH_METHODS:
        return build_error_response(
            "invalid_client_metadata", f"token_endpoint_auth_method must be one of {', '.join(AUTH_METHODS)}."
        )
    name = metadata.get("client_name", "")
    if error := client_names.get_name_error(name) if isinstance(name, str) else "The name must be a string.":
        return build_error_response("invalid_client_metadata", f"client_name: {error}")
    return _get_redirect_uri_error(metadata.get("redirect_uris"))


def _get_redirect_uri_error(uris: object) -> HttpResponse | None:
    if not isinstance(uris, list) or not uris or not all(isinstance(uri, str) and uri for uri in uris):
        return build_error_response("invalid_redirect_uri", "redirect_uris must be a non-empty list of URLs.")
    if any(re.search(r"[\s\x00]", uri) for uri in uris):
        return build_error_response("invalid_redirect_uri", "Redirect URLs cannot contain spaces.")
    draft = Application(redirect_uris=" ".join(uris), authorization_grant_type="authorization-code")
    try:
        draft.clean()
    except ValidationError as error:
        return build_error_response("invalid_redirect_uri", " ".join(error.messages))
    return None


def _complete_response(response: HttpResponse, metadata: dict[str, object]) -> HttpResponse:
    """Add the fields of RFC 7591 3.2.1 that the toolkit omits."""
    body = json.loads(response.content)
    client = Application.objects.get(client_id=body["client_id"])
    path = urlsplit(body["registration_client_uri"]).path  # without the Host header's host
    body |= {
        "client_id_issued_at": int(client.created.timestamp()),
        "response_types": ["code"],
        "scope": " ".join(settings.OAUTH_SCOPES_FOR_EVERY_APP),
        "registration_client_uri": f"{settings.PUBLIC_URL}{path}",
    }
    if "client_secret" in body:
        body["client_secret_expires_at"] = 0  # never
        body["token_endpoint_auth_method"] = metadata.get("token_endpoint_auth_method", AUTH_METHODS[0])
    return JsonResponse(body, status=response.status_code)


def _parse_metadata(request: HttpRequest) -> dict[str, object]:
    """Return the metadata in the body, {} if it is invalid."""
    if len(request.body) > MAX_BYTES or b"\\u0000" in request.body:
        return {}
    try:
        metadata = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return metadata if isinstance(metadata, dict) and _is_storable(metadata) else {}


def _is_storable(metadata: dict[str, object]) -> bool:
    """Return False for lone surrogates, which JSON can escape but neither PostgreSQL nor UTF-8 can represent."""
    try:
        json.dumps(metadata, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
