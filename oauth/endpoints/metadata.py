"""What clients find out by themselves (RFC 8414, RFC 9728). Every address comes from PUBLIC_URL, never from Host."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from oauth.http_responses import CORS
from oauth.registration import metadata_documents
from oauth.settings import AUTH_METHODS, GRANT_TYPES
from oauth.tokens import resource_indicators


@require_safe
def authorization_server_metadata(_request: HttpRequest) -> HttpResponse:
    return _build_metadata_response(
        {
            "issuer": settings.PUBLIC_URL,
            "authorization_endpoint": _build_endpoint_url("authorize"),
            "token_endpoint": _build_endpoint_url("token"),
            "revocation_endpoint": _build_endpoint_url("revoke"),
            "introspection_endpoint": _build_endpoint_url("introspect"),
            "registration_endpoint": _build_endpoint_url("register"),
            "scopes_supported": list(settings.OAUTH_SCOPES_FOR_EVERY_APP),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": GRANT_TYPES,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": AUTH_METHODS,
            "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
            "introspection_endpoint_auth_methods_supported": [way for way in AUTH_METHODS if way != "none"],
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": metadata_documents.is_enabled(),
        }
    )


@require_safe
def protected_resource_metadata(_request: HttpRequest, path: str = "") -> HttpResponse:
    """Of `/api` or `/mcp`; without a path, of the one a client gets that names none."""
    resource = f"{settings.PUBLIC_URL}/{path}" if path else resource_indicators.get_default_resource()
    if resource not in resource_indicators.list_resources():
        raise Http404
    return _build_metadata_response(
        {
            "resource": resource,
            "resource_name": "Picard",
            "authorization_servers": [settings.PUBLIC_URL],
            "scopes_supported": list(settings.OAUTH_SCOPES_FOR_EVERY_APP),
            "bearer_methods_supported": ["header"],
        }
    )


def _build_endpoint_url(name: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(f'oauth:{name}')}"


def _build_metadata_response(document: dict[str, object]) -> HttpResponse:
    return JsonResponse(document, headers={**CORS, "Cache-Control": "max-age=300"})
