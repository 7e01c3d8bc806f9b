"""Authorization responses (RFC 6749 4.1.2): the way back from the consent page to the client.

Browsers get a page that navigates to the redirect URI, all other programs a redirect (decision 0023).
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils.encoding import iri_to_uri
from oauth2_provider.exceptions import OAuthToolkitError
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError

from core.http import leave_site
from oauth.consent.authorization_request import AuthorizationRequest, RedirectError, build_request_error
from oauth.models import Application
from oauth.redirect_uris import is_web_uri
from oauth.tokens.resource_indicators import get_issuer
from oauth.toolkit.server import get_oauth_backend


def return_code(request: HttpRequest, auth_request: AuthorizationRequest, scopes: list[str]) -> HttpResponse:
    """Return to the client with an authorization code for these scopes. Raises RedirectError."""
    try:
        location, *_ = get_oauth_backend().create_authorization_response(
            request, scopes, dict(auth_request.credentials), allow=True
        )
    except OAuthToolkitError as error:
        raise build_request_error(error.oauthlib_error, auth_request.redirect_uri) from None
    # The redirect URI's own parameters come first in the query; those of the response win.
    values = dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))
    answer = [(name, values[name]) for name in ("code", "state") if name in values]
    location = _add_parameters(request, auth_request.redirect_uri, answer)
    return _return_to_client(request, auth_request.application, location, is_allowed=True)


def return_denial(request: HttpRequest, auth_request: AuthorizationRequest) -> HttpResponse:
    """Return to the client with access_denied."""
    error = AccessDeniedError(state=auth_request.credentials.get("state"))
    location = _add_parameters(request, auth_request.redirect_uri, error.twotuples)
    return _return_to_client(request, auth_request.application, location)


def return_error(request: HttpRequest, failure: RedirectError) -> HttpResponse:
    """Return to the client with the error."""
    location = _add_parameters(request, failure.redirect_uri, failure.error.twotuples)
    return _return_to_client(request, failure.application, location)


def _add_parameters(request: HttpRequest, redirect_uri: str, answer: Iterable[tuple[str, str]]) -> str:
    """Return the redirect URI with the parameters of a response, and otherwise as the client sent it.

    RFC 6749 3.1.2: its query is retained. Parsed and put together again, `app:///callback` would be `app:/callback`.
    """
    parameters = [*answer, ("iss", get_issuer(request))]  # RFC 9207 2: errors need `iss` too
    names = {name for name, _ in parameters}
    base, _, query = redirect_uri.partition("?")
    kept = [part for part in query.split("&") if part and unquote_plus(part.partition("=")[0]) not in names]
    return iri_to_uri(f"{base}?{'&'.join([*kept, urlencode(parameters)])}")


def _return_to_client(
    request: HttpRequest, application: Application, location: str, *, is_allowed: bool = False
) -> HttpResponse:
    context = {
        "app": application,
        "is_allowed": is_allowed,
        "is_private_use": not is_web_uri(location),
    }
    return leave_site(request, location, "oauth/return_to_app.html", context)
