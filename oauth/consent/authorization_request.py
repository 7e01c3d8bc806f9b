"""Authorization requests (RFC 6749 4.1.1)."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauthlib.oauth2.rfc6749.errors import InvalidClientIdError, OAuth2Error

from accounts.models import User
from accounts.rate_limits import RateLimitExceeded
from oauth.http_responses import find_repeated_parameter, has_nul
from oauth.models import Application
from oauth.redirect_uris import get_redirect_target, is_loopback_uri, is_web_uri
from oauth.registration import metadata_documents
from oauth.toolkit.server import get_oauth_backend


class InvalidAuthorizationRequest(Exception):
    """The request is invalid and must not be redirected to the client; a page shows the error."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description

    @property
    def headline(self) -> str:
        if self.is_unknown_client:
            return _("This app is not known here")
        if self.is_unusable_document:
            return _("This app cannot be identified")
        return _("This app sent an invalid request")

    @property
    def is_unknown_client(self) -> bool:
        """Whether nothing is known about the client, so that the user can only add it again."""
        return self.code == "invalid_client"

    @property
    def is_unusable_document(self) -> bool:
        """Whether the client's metadata document cannot be used, for the reason in the description."""
        return self.code == "invalid_client_metadata"


class RedirectError(Exception):
    """The request is invalid, and the error is sent to the client's redirect URI."""

    def __init__(self, error: OAuth2Error, redirect_uri: str, application: Application) -> None:
        super().__init__(error.error)
        self.error = error
        self.application = application
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
        """The host of the redirect URI, or its private-use scheme."""
        return get_redirect_target(self.redirect_uri)

    @property
    def is_local_redirect(self) -> bool:
        """Whether the response is sent to a program on the user's device."""
        return is_loopback_uri(self.redirect_uri) or not is_web_uri(self.redirect_uri)


def parse_authorization_request(request: HttpRequest, person: User | None) -> AuthorizationRequest:
    """Parse and validate the query parameters. Raises InvalidAuthorizationRequest, RedirectError.

    person: the signed-in user. A metadata document is fetched only if there is one.
    """
    if (name := find_repeated_parameter(request.GET)) is not None:
        raise InvalidAuthorizationRequest("invalid_request", f"Duplicate parameter: {name[:40]!r}.")
    if has_nul(request.GET):
        raise InvalidAuthorizationRequest("invalid_request", "A parameter contains a NUL character.")
    if person is not None:
        refresh_client_metadata(request.GET.get("client_id", ""), person)
    try:
        scopes, credentials = get_oauth_backend().validate_authorization_request(request)
    except FatalClientError as error:
        raise _build_fatal_error(error.oauthlib_error) from None
    except OAuthToolkitError as error:
        raise build_request_error(error.oauthlib_error) from None
    except ValueError:
        raise InvalidAuthorizationRequest("invalid_request", "The request URL is malformed.") from None
    return AuthorizationRequest(credentials.pop("request").client, scopes, credentials)


def refresh_client_metadata(client_id: str, person: User) -> None:
    """Fetch the client's metadata document if it has one that is due. Raises InvalidAuthorizationRequest."""
    if not metadata_documents.is_metadata_url(client_id):
        return
    try:
        metadata_documents.refresh_metadata(client_id, person)
    except RateLimitExceeded as exceeded:
        raise InvalidAuthorizationRequest("temporarily_unavailable", str(exceeded)) from None
    except metadata_documents.MetadataDocumentError as error:
        raise InvalidAuthorizationRequest("invalid_client_metadata", str(error)) from None


def _build_fatal_error(error: OAuth2Error) -> InvalidAuthorizationRequest:
    """Return the error of a request without a valid client and redirect URI, so that nobody can be redirected."""
    if isinstance(error, InvalidClientIdError):
        return InvalidAuthorizationRequest(
            "invalid_client",
            _(
                "This server does not know the app: it was removed here because nobody used it for some time, or it "
                "was added to another server."
            ),
        )
    return InvalidAuthorizationRequest(error.error, error.description)


def build_request_error(error: OAuth2Error, redirect_uri: str | None = None) -> Exception:
    client = Application.find_client(error.client_id)
    redirect_uri = redirect_uri or error.redirect_uri
    if client is None or not redirect_uri or not client.is_verified:
        # RFC 9700 4.11.2: anyone can register an app, and must not be able to use us as an open redirector.
        return InvalidAuthorizationRequest(error.error, error.description)
    return RedirectError(error, redirect_uri, client)
