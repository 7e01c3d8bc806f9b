"""Authorization requests (RFC 6749 4.1.1) and the responses sent to the client."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils.encoding import iri_to_uri
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauth2_provider.oauth2_backends import _add_iss_to_redirect
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, OAuth2Error

from accounts.models import User
from accounts.rate_limits import RateLimitExceeded
from oauth.http_responses import find_repeated_parameter, has_nul
from oauth.models import Application, is_loopback_uri, is_web_uri
from oauth.registration import metadata_documents
from oauth.tokens.resource_indicators import get_issuer
from oauth.toolkit.server import get_oauth_backend

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.\[\]:-]+", re.IGNORECASE)


class InvalidAuthorizationRequest(Exception):
    """The request is invalid and must not be redirected to the client; a page shows the error."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class RedirectError(Exception):
    """The request is invalid, and the error is sent to the client's redirect URI."""

    def __init__(self, error: OAuth2Error, redirect_uri: str) -> None:
        super().__init__(error.error)
        self.error = error
        self.redirect_uri = redirect_uri


@dataclass(frozen=True)
class AuthorizationRequest:
    """A validated request of a client, without the user's choices."""

    application: Application
    scopes: list[str]
    credentials: dict[str, Any]

    @property
    def redirect_uri(self) -> str:
        return str(self.credentials["redirect_uri"])

    @property
    def redirect_target(self) -> str:
        """The host of the redirect URI; for a private-use scheme, the scheme, because its host means nothing."""
        parts = urlsplit(self.redirect_uri)
        return (is_web_uri(self.redirect_uri) and parts.hostname) or f"{parts.scheme}:"

    @property
    def metadata_host(self) -> str:
        """The host of the client's metadata document, empty if it has none."""
        return metadata_documents.get_metadata_host(self.application)

    @property
    def is_local_redirect(self) -> bool:
        """Whether the response is sent to a program on the user's device."""
        return is_loopback_uri(self.redirect_uri) or not is_web_uri(self.redirect_uri)

    def is_unverified_for(self, person: User) -> bool:
        """Return whether neither the operator nor staff nor the user themself registered the app."""
        return not self.application.is_verified and self.application.user_id != person.pk

    @property
    def form_action(self) -> str:
        """Source for the form-action CSP directive, which browsers apply to redirects of forms too."""
        origin = ORIGIN.match(self.redirect_uri)
        return origin[0] if origin else f"{urlsplit(self.redirect_uri).scheme}:"


def parse_authorization_request(request: HttpRequest, person: User | None) -> AuthorizationRequest:
    """Parse and validate the query parameters. Raises InvalidAuthorizationRequest, RedirectError.

    person: the signed-in user. A metadata document is fetched only if there is one.
    """
    if (name := find_repeated_parameter(request.GET)) is not None:
        raise InvalidAuthorizationRequest("invalid_request", f"Duplicate parameter: {name[:40]!r}.")
    if has_nul(request.GET):
        raise InvalidAuthorizationRequest("invalid_request", "A parameter contains a NUL character.")
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
        raise InvalidAuthorizationRequest("invalid_request", "The request URL is malformed.") from None
    return AuthorizationRequest(credentials.pop("request").client, scopes, credentials)


def _refresh_client_metadata(client_id: str, person: User) -> None:
    if not metadata_documents.is_metadata_url(client_id):
        return
    try:
        metadata_documents.refresh_metadata(client_id, person)
    except RateLimitExceeded as exceeded:
        raise InvalidAuthorizationRequest("temporarily_unavailable", str(exceeded)) from None


def redirect_with_code(
    request: HttpRequest, auth_request: AuthorizationRequest, scopes: list[str]
) -> HttpResponse:
    """Redirect to the client with an authorization code for these scopes. Raises RedirectError."""
    try:
        location, *_ = get_oauth_backend().create_authorization_response(
            request, scopes, dict(auth_request.credentials), allow=True
        )
    except OAuthToolkitError as error:
        raise _build_request_error(error.oauthlib_error, auth_request.redirect_uri) from None
    return _redirect_to_client(request, location)


def redirect_with_denial(request: HttpRequest, auth_request: AuthorizationRequest) -> HttpResponse:
    """Redirect to the client with access_denied."""
    error = AccessDeniedError(state=auth_request.credentials.get("state"))
    return _redirect_to_client(request, add_params_to_uri(auth_request.redirect_uri, error.twotuples))


def redirect_with_error(request: HttpRequest, redirect_error: RedirectError) -> HttpResponse:
    location = add_params_to_uri(redirect_error.redirect_uri, redirect_error.error.twotuples)
    return _redirect_to_client(request, location)


def _build_request_error(error: OAuth2Error, redirect_uri: str | None = None) -> Exception:
    client = Application.objects.select_related("user").filter(client_id=error.client_id or "").first()
    redirect_uri = redirect_uri or error.redirect_uri
    if client is None or not redirect_uri or not client.is_verified:
        # RFC 9700 4.11.2: anyone can register an app, and must not be able to use us as an open redirector.
        return InvalidAuthorizationRequest(error.error, error.description)
    return RedirectError(error, redirect_uri)


def _redirect_to_client(request: HttpRequest, location: str) -> HttpResponse:
    """Redirect with `iss` (RFC 9207 2), which errors need too, in place of the toolkit's."""
    location = _add_iss_to_redirect(location, get_issuer(request))
    # RFC 9700 4.12: 303, so that browsers do not post the user's form to the client.
    return HttpResponse(status=303, headers={"Location": iri_to_uri(location)})
