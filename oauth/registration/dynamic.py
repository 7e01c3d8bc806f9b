"""Apps that register themselves (RFC 7591), and look after their registration (RFC 7592).

Anybody may, so they may little: ask people for reading and writing, by code, at an address of their own.
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
    """The toolkit's answers, with what is missing in them."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.user = AnonymousUser()  # a page elsewhere must not register an app in its visitor's name
        if request.method in ("POST", "PUT") and (refused := _get_request_error(request)):
            return refused
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if answer.status_code in (200, 201) and isinstance(answer, HttpResponse):
            return _complete_response(answer, _parse_metadata(request))
        return answer


class _RegistrationView(_RegistrationResponseMixin, DynamicClientRegistrationView):  # type: ignore[misc]
    pass


class _RegistrationManagementView(_RegistrationResponseMixin, DynamicClientRegistrationManagementView):  # type: ignore[misc]
    def put(self, request: HttpRequest, client_id: str, *args: object, **kwargs: object) -> HttpResponse:
        known = Application.objects.filter(client_id=client_id).first()
        if known and known.is_public != (
            _parse_metadata(request).get("token_endpoint_auth_method") == "none"
        ):
            return build_error_response(
                "invalid_client_metadata", "Register anew to change how the client authenticates."
            )
        answer: HttpResponse = super().put(request, client_id, *args, **kwargs)
        return answer


register = oauth_endpoint(limit=rate_limits.REGISTER, cors=True, takes_form=False)(
    _RegistrationView.as_view()
)
manage = oauth_endpoint(
    methods=("GET", "PUT", "DELETE"), limit=rate_limits.REVOKE, cors=True, takes_form=False
)(_RegistrationManagementView.as_view())


def purge_unused_apps() -> int:
    """Delete self-registered apps that nobody connected within UNUSED_DAYS; returns how many."""
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
            "invalid_client_metadata", "The body must be a JSON object of whole characters, not too long."
        )
    return get_metadata_error(metadata)


def get_metadata_error(metadata: dict[str, object]) -> HttpResponse | None:
    """Why an app that nobody here has looked at cannot be this."""
    grants = metadata.get("grant_types", ["authorization_code"])
    if not isinstance(grants, list) or not all(grant in GRANT_TYPES for grant in grants):
        return build_error_response(
            "invalid_client_metadata", "Only authorization_code and refresh_token can be registered."
        )
    if metadata.get("response_types", ["code"]) != ["code"]:
        return build_error_response("invalid_client_metadata", "The only response type is code.")
    if metadata.get("token_endpoint_auth_method", AUTH_METHODS[0]) not in AUTH_METHODS:
        return build_error_response(
            "invalid_client_metadata", f"Authenticate by one of {', '.join(AUTH_METHODS)}."
        )
    name = metadata.get("client_name", "")
    if fault := client_names.get_name_error(name) if isinstance(name, str) else "A name is a text.":
        return build_error_response("invalid_client_metadata", f"client_name: {fault}")
    return _get_redirect_uri_error(metadata.get("redirect_uris"))


def _get_redirect_uri_error(uris: object) -> HttpResponse | None:
    if not isinstance(uris, list) or not uris or not all(isinstance(uri, str) and uri for uri in uris):
        return build_error_response("invalid_redirect_uri", "redirect_uris must be a list of addresses.")
    if any(re.search(r"[\s\x00]", uri) for uri in uris):
        return build_error_response("invalid_redirect_uri", "An address holds no blanks.")
    draft = Application(redirect_uris=" ".join(uris), authorization_grant_type="authorization-code")
    try:
        draft.clean()
    except ValidationError as error:
        return build_error_response("invalid_redirect_uri", " ".join(error.messages))
    return None


def _complete_response(answer: HttpResponse, asked: dict[str, object]) -> HttpResponse:
    """With the fields of RFC 7591 3.2.1 that the toolkit leaves out."""
    body = json.loads(answer.content)
    client = Application.objects.get(client_id=body["client_id"])
    path = urlsplit(body["registration_client_uri"]).path  # without the host that was asked
    body |= {
        "client_id_issued_at": int(client.created.timestamp()),
        "response_types": ["code"],
        "scope": " ".join(settings.OAUTH_SCOPES_FOR_EVERY_APP),
        "registration_client_uri": f"{settings.PUBLIC_URL}{path}",
    }
    if "client_secret" in body:
        body["client_secret_expires_at"] = 0  # never
        body["token_endpoint_auth_method"] = asked.get("token_endpoint_auth_method", AUTH_METHODS[0])
    return JsonResponse(body, status=answer.status_code)


def _parse_metadata(request: HttpRequest) -> dict[str, object]:
    """What the body says, empty if it says nothing that can be read."""
    if len(request.body) > MAX_BYTES or b"\\u0000" in request.body:
        return {}
    try:
        read = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) and _is_storable(read) else {}


def _is_storable(read: dict[str, object]) -> bool:
    """JSON can spell half a character, which no database keeps and no answer can repeat."""
    try:
        json.dumps(read, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
