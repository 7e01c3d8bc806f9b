"""Metadata for clients (RFC 8414, RFC 9728)."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.hosts import get_base_url
from oauth.registration import metadata_documents
from oauth.settings import AUTH_METHODS, GRANT_TYPES
from oauth.tokens import resource_indicators

ENDPOINTS = ("authorize", "token", "device_authorization", "revoke", "introspect", "register")


@require_safe
def authorization_server_metadata(request: HttpRequest) -> HttpResponse:
    issuer = get_base_url(request)
    endpoints = {name: f"{issuer}{reverse(f'oauth:{name}')}" for name in ENDPOINTS}
    return _build_metadata_response(
        {
            "issuer": issuer,
            "authorization_endpoint": endpoints["authorize"],
            "token_endpoint": endpoints["token"],
            "device_authorization_endpoint": endpoints["device_authorization"],
            "revocation_endpoint": endpoints["revoke"],
            "introspection_endpoint": endpoints["introspect"],
            "registration_endpoint": endpoints["register"],
            "scopes_supported": list(settings.OAUTH_SCOPES_FOR_EVERY_APP),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": GRANT_TYPES,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": AUTH_METHODS,
            "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
            "introspection_endpoint_auth_methods_supported": [
                method for method in AUTH_METHODS if method != "none"
            ],
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": metadata_documents.is_enabled(),
        }
    )


@require_safe
def protected_resource_metadata(request: HttpRequest, path: str = "") -> HttpResponse:
    """Return the metadata of `/api`, `/mcp`, or the origin.

    `resource` is the URL that the client inserted the well-known path into, with its final slash (RFC 9728 3.3).
    """
    origin = get_base_url(request)
    if path.removesuffix("/") not in ("", *resource_indicators.PATHS.values()):
        return metadata_not_found(request)
    return _build_metadata_response(
        {
            "resource": f"{origin}{path}" if path != "/" else origin,
            "resource_name": "Picard",
            "authorization_servers": [origin],
            "scopes_supported": list(settings.OAUTH_SCOPES_FOR_EVERY_APP),
            "bearer_methods_supported": ["header"],
        }
    )


@require_safe
def metadata_not_found(_request: HttpRequest) -> HttpResponse:
    """Return 404, upon which clients try the next URL. RFC 8414 3.3 forbids to return another issuer's metadata."""
    description = "There is no metadata for this URL."
    return JsonResponse({"error": "not_found", "error_description": description}, status=404)


def _build_metadata_response(document: dict[str, object]) -> HttpResponse:
    return JsonResponse(document, headers={"Cache-Control": "max-age=300"})
