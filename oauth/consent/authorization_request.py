"""An authorization request (RFC 6749 4.1.1), and every answer that goes back to the app."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import iri_to_uri
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, OAuth2Error

from accounts.models import User
from accounts.rate_limits import RateLimitExceeded
from oauth.http_responses import find_repeated_parameter, has_nul
from oauth.models import Application, is_loopback_uri, is_web_uri
from oauth.registration import metadata_documents
from oauth.toolkit.server import get_oauth_backend

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.\[\]:-]+", re.IGNORECASE)


class InvalidAuthorizationRequest(Exception):
    """The request is not one that may be answered to the app; a page says why."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class RedirectError(Exception):
    """The app is to be told `error` at an address that is its own."""

    def __init__(self, error: OAuth2Error, redirect_uri: str) -> None:
        super().__init__(error.error)
        self.error = error
        self.redirect_uri = redirect_uri


@dataclass(frozen=True)
class AuthorizationRequest:
    """What an app asks for, checked; nothing of it is the person's choice."""

    application: Application
    scopes: list[str]
    credentials: dict[str, Any]

    @property
    def redirect_uri(self) -> str:
        return str(self.credentials["redirect_uri"])

    @property
    def redirect_target(self) -> str:
        """The host to which the answer goes, or the scheme: in a private one a program reads as host what it likes."""
        parts = urlsplit(self.redirect_uri)
        return (is_web_uri(self.redirect_uri) and parts.hostname) or f"{parts.scheme}:"

    @property
    def metadata_host(self) -> str:
        """The host whose document says what the app is; empty for one that is known otherwise."""
        return metadata_documents.get_metadata_host(self.application)

    @property
    def is_local_redirect(self) -> bool:
        """Whether the answer goes to a program on the person's own device."""
        return is_loopback_uri(self.redirect_uri) or not is_web_uri(self.redirect_uri)

    def is_unverified_for(self, person: User) -> bool:
        """Whether nobody whom they could rely on has looked at the app; their own they made themselves."""
        return not self.application.is_verified and self.application.user_id != person.pk

    @property
    def form_action(self) -> str:
        """For the page's policy: browsers hold a form's redirects to form-action too."""
        origin = ORIGIN.match(self.redirect_uri)
        return origin[0] if origin else f"{urlsplit(self.redirect_uri).scheme}:"


def parse_authorization_request(request: HttpRequest, person: User | None) -> AuthorizationRequest:
    """The request in the address. Raises BadRequest, Declined.

    person: who is signed in. An app that is known by an address is looked at only for somebody.
    """
    if (name := find_repeated_parameter(request.GET)) is not None:
        raise InvalidAuthorizationRequest(
            "invalid_request", f"The parameter {name[:40]!r} stands there twice."
        )
    if has_nul(request.GET):
        raise InvalidAuthorizationRequest("invalid_request", "A parameter holds a NUL character.")
    if person is not None:
        _refresh_client_metadata(request.GET.get("client_id", ""), person)
    try:
        scopes, credentials = get_oauth_backend().validate_authorization_request(request)
    except FatalClientError as error:
        raise InvalidAuthorizationRequest(
            error.oauthlib_error.error, error.oauthlib_error.description
        ) from None
    except OAuthToolkitError as error:
        raise _build_request_error(error.oauthlib_error) from None
    except ValueError:
        raise InvalidAuthorizationRequest("invalid_request", "The address cannot be read.") from None
    return AuthorizationRequest(credentials.pop("request").client, scopes, credentials)


def _refresh_client_metadata(client_id: str, person: User) -> None:
    if not metadata_documents.is_metadata_url(client_id):
        return
    try:
        metadata_documents.refresh_metadata(client_id, person)
    except RateLimitExceeded as reached:
        raise InvalidAuthorizationRequest("temporarily_unavailable", str(reached)) from None


def redirect_with_code(request: HttpRequest, asked: AuthorizationRequest, scopes: list[str]) -> HttpResponse:
    """The person said yes to these scopes. Raises Declined."""
    try:
        location, *_ = get_oauth_backend().create_authorization_response(
            request, scopes, dict(asked.credentials), allow=True
        )
    except OAuthToolkitError as error:
        raise _build_request_error(error.oauthlib_error, asked.redirect_uri) from None
    return _redirect_to_client(location)


def redirect_with_denial(asked: AuthorizationRequest) -> HttpResponse:
    """The person said no."""
    error = AccessDeniedError(state=asked.credentials.get("state"))
    return _redirect_to_client(_add_issuer(add_params_to_uri(asked.redirect_uri, error.twotuples)))


def redirect_with_error(declined: RedirectError) -> HttpResponse:
    return _redirect_to_client(
        _add_issuer(add_params_to_uri(declined.redirect_uri, declined.error.twotuples))
    )


def _build_request_error(error: OAuth2Error, redirect_uri: str | None = None) -> Exception:
    client = Application.objects.select_related("user").filter(client_id=error.client_id or "").first()
    redirect_uri = redirect_uri or error.redirect_uri
    if client is None or not redirect_uri or not client.is_verified:
        # RFC 9700 4.11.2: anybody may register an app, and must not be able to send people anywhere by a broken link.
        return InvalidAuthorizationRequest(error.error, error.description)
    return RedirectError(error, redirect_uri)


def _add_issuer(location: str) -> str:
    """RFC 9207 2: on errors as well."""
    return str(add_params_to_uri(location, [("iss", settings.PUBLIC_URL)]))


def _redirect_to_client(location: str) -> HttpResponse:
    # RFC 9700 4.12: 303, so that no browser posts the person's form on to the app.
    return HttpResponse(status=303, headers={"Location": iri_to_uri(location)})
