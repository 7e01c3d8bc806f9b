"""Authorization responses (RFC 6749 4.1.2): the way back from the consent page to the client.

Browsers get a page that navigates to the redirect URI, all other programs a redirect (decision 0023).
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.encoding import iri_to_uri
from oauth2_provider.exceptions import OAuthToolkitError
from oauth2_provider.oauth2_backends import _add_iss_to_redirect
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError

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
    return _return_to_client(
        request, auth_request.application, auth_request.redirect_uri, location, is_allowed=True
    )


def return_denial(request: HttpRequest, auth_request: AuthorizationRequest) -> HttpResponse:
    """Return to the client with access_denied."""
    error = AccessDeniedError(state=auth_request.credentials.get("state"))
    location = add_params_to_uri(auth_request.redirect_uri, error.twotuples)
    return _return_to_client(request, auth_request.application, auth_request.redirect_uri, location)


def return_error(request: HttpRequest, failure: RedirectError) -> HttpResponse:
    """Return to the client with the error."""
    location = add_params_to_uri(failure.redirect_uri, failure.error.twotuples)
    return _return_to_client(request, failure.application, failure.redirect_uri, location)


def _return_to_client(
    request: HttpRequest,
    application: Application,
    redirect_uri: str,
    location: str,
    *,
    is_allowed: bool = False,
) -> HttpResponse:
    # RFC 9207 2: errors need `iss` too.
    query = _add_iss_to_redirect(location, get_issuer(request)).partition("?")[2]
    # Before the query exactly as registered (RFC 9700 2.1): urlunparse writes app:///x as app:/x, and app:////x as
    # app://x, which has another host.
    location = iri_to_uri(f"{redirect_uri.partition('?')[0]}?{query}")
    if not _is_browser(request):
        # RFC 9700 4.12: 303, so that the consent form is not posted to the client.
        return HttpResponse(status=303, headers={"Location": location})
    # A redirect would be part of the form's submission, to which browsers apply form-action, even to redirects of the
    # client's own callback. A navigation of this page is not, and always a GET.
    context = {
        "app": application,
        "location": location,
        "is_allowed": is_allowed,
        "is_private_use": not is_web_uri(location),
    }
    response = render(request, "oauth/return_to_app.html", context)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _is_browser(request: HttpRequest) -> bool:
    """Return whether the request asks for a page. Browsers name text/html, programs accept anything or JSON."""
    return "text/html" in request.headers.get("Accept", "").lower()
