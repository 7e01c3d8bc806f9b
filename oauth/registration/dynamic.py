"""Dynamic client registration (RFC 7591) and its management (RFC 7592).

Anyone can register, so such clients can only request read and write access with the authorization code grant.
"""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Greatest, Now
from django.db.models.lookups import LessThan
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from oauth2_provider.views import DynamicClientRegistrationManagementView, DynamicClientRegistrationView

from accounts.models import User
from accounts.rate_limits import RateLimitExceeded, enforce_rate_limit, restore_rate_limit
from core.client_ip import get_client_network
from core.hosts import get_base_url
from oauth import rate_limits
from oauth.http_responses import build_error_response, oauth_endpoint
from oauth.models import AppGrant, Application
from oauth.registration.client_metadata import (
    DEFAULT_AUTH_METHOD,
    PUBLIC,
    ClientMetadata,
    InvalidClientMetadata,
    parse_client_metadata,
)

MAX_BYTES = 20_000
UNUSED_DAYS = 7
MAX_UNUSED_APPS = 20_000  # typically 30 MB; beyond that, the oldest are deleted earlier


class _RegistrationResponseMixin:
    """Passes valid metadata to the toolkit, and completes its responses."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.user = AnonymousUser()  # another site must not register an app on behalf of its visitor
        metadata = None
        if request.method in ("POST", "PUT"):
            try:
                metadata = self._select_metadata(parse_client_metadata(_parse_body(request)), **kwargs)
            except InvalidClientMetadata as error:
                return build_error_response(error.code, error.description)
            request._body = json.dumps(metadata.build_document()).encode()  # what the toolkit reads
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if response.status_code in (200, 201) and isinstance(response, HttpResponse):
            return _complete_response(request, response, metadata)
        return response

    def _select_metadata(self, requested: ClientMetadata, **_kwargs: object) -> ClientMetadata:
        return requested


class _RegistrationView(_RegistrationResponseMixin, DynamicClientRegistrationView):  # type: ignore[misc]
    pass


class _RegistrationManagementView(_RegistrationResponseMixin, DynamicClientRegistrationManagementView):  # type: ignore[misc]
    def _select_metadata(self, requested: ClientMetadata, **kwargs: object) -> ClientMetadata:
        """Keep a public client public and a confidential one confidential, as RFC 7592 2.2 allows."""
        client = Application.find_client(str(kwargs["client_id"]))
        if client is None or client.is_public == (requested.auth_method == PUBLIC):
            return requested
        return replace(requested, auth_method=PUBLIC if client.is_public else DEFAULT_AUTH_METHOD)


register = oauth_endpoint(limit=rate_limits.REGISTER, takes_form=False)(_RegistrationView.as_view())
manage = oauth_endpoint(methods=("GET", "PUT", "DELETE"), limit=rate_limits.MANAGE, takes_form=False)(
    _RegistrationManagementView.as_view()
)


def record_connection(application: Application, user: User) -> None:
    """Restore the rate limit of the network that registered the app, once. Needs a transaction."""
    network = application.registered_from
    unrestored = Application.objects.filter(pk=application.pk).exclude(registered_from="")
    if network and unrestored.update(registered_from=""):
        transaction.on_commit(partial(_restore_registration, network, user))


def _restore_registration(network: str, user: User) -> None:
    """Restore one registration, for a user who does not connect apps all the time."""
    with suppress(RateLimitExceeded):
        enforce_rate_limit(rate_limits.RESTORED_REGISTRATIONS, str(user.pk))
        restore_rate_limit(rate_limits.REGISTER, network)


def purge_unused_apps() -> int:
    """Delete self-registered apps that nobody has had connected for UNUSED_DAYS, or too many; return their number.

    Expired access still counts as connected, because the user may renew it.
    """
    connected = AppGrant.objects.filter(application_id=OuterRef("pk"))
    unused = Application.objects.exclude(registration_source=Application.RegistrationSource.MANUAL).filter(
        ~Exists(connected)
    )
    unused_since = Greatest("created", "disconnected_at")
    newest = unused.order_by(unused_since.desc(), "-pk").values("pk")[:MAX_UNUSED_APPS]
    is_old = LessThan(unused_since, Now() - timedelta(days=UNUSED_DAYS))
    count: int = unused.filter(is_old | ~Q(pk__in=newest)).delete()[1].get("oauth.Application", 0)
    return count


def _parse_body(request: HttpRequest) -> dict[str, object]:
    """Return the JSON object in the body, whatever its content type says. Raises InvalidClientMetadata."""
    if len(request.body) > MAX_BYTES:
        raise InvalidClientMetadata(
            "invalid_client_metadata", f"The body is larger than {MAX_BYTES:,} bytes."
        )
    try:
        metadata = json.loads(request.body)
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise InvalidClientMetadata(
            "invalid_client_metadata", "The body must be a JSON object (RFC 7591 3.1)."
        )
    return metadata


def _complete_response(
    request: HttpRequest, response: HttpResponse, metadata: ClientMetadata | None
) -> HttpResponse:
    """Add what the toolkit omits: the device flow, and fields of RFC 7591 3.2.1."""
    body = json.loads(response.content)
    client = Application.objects.get(client_id=body["client_id"])
    if metadata is not None:
        client.set_redirection(metadata.redirect_uris, device_flow=metadata.device_flow)
        client.save(update_fields=["device_flow"])
    if response.status_code == HTTPStatus.CREATED:
        client.registered_from = get_client_network(request)
        client.save(update_fields=["registered_from"])
    path = urlsplit(body["registration_client_uri"]).path  # without an arbitrary Host header
    body |= {
        "client_id_issued_at": int(client.created.timestamp()),
        "grant_types": client.grant_types,
        "response_types": ["code"] if client.redirect_uris else [],
        "scope": " ".join(settings.OAUTH_SCOPES_FOR_EVERY_APP),
        "registration_client_uri": f"{get_base_url(request)}{path}",
        "token_endpoint_auth_method": (
            metadata.auth_method if metadata is not None else body["token_endpoint_auth_method"]
        ),
    }
    if "client_secret" in body:
        body["client_secret_expires_at"] = 0  # never
    return JsonResponse(body, status=response.status_code)
