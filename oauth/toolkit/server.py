"""oauthlib's server, restricted to three grants: code, device and refresh. Invalid requests fail before consent."""

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from oauth2_provider.oauth2_backends import OAuthLibCore, get_oauthlib_core
from oauthlib.oauth2 import WebApplicationServer
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256
from oauthlib.oauth2.rfc8628.grant_types import DeviceCodeGrant

from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.settings import DEVICE_GRANT
from oauth.tokens import resource_indicators
from oauth.toolkit.oauth_requests import AuthorizationRequest

S256_CHARACTERS = 43  # of a SHA-256 digest in base64url
# Of the authorization endpoint: RFC 6749 4.1.1, RFC 7636 4.3, RFC 8707 2, OAuth 2.0 Multiple Response Types 2.1
AUTHORIZATION_PARAMETERS = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "response_mode", "resource"),
    *("code_challenge", "code_challenge_method"),
)


class StrictServer(WebApplicationServer):  # type: ignore[misc]
    """A server without implicit, password and client credentials grants."""

    def __init__(self, request_validator: object, *args: object, **kwargs: object) -> None:
        super().__init__(request_validator, *args, **kwargs)
        self._grant_types[DEVICE_GRANT] = DeviceCodeGrant(request_validator)
        self.auth_grant._code_challenge_methods = {"S256": _verify_challenge}
        self.auth_grant.custom_validators.pre_auth += [_check_response_type, _check_response_mode]
        self.auth_grant.custom_validators.post_auth.append(_check_challenge)
        self.auth_grant.custom_validators.post_auth.append(_check_resources)


class StrictBackend(OAuthLibCore):  # type: ignore[misc]
    """Adapter between Django and oauthlib."""

    def extract_body(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Return the form. Parameters without a value count as omitted (RFC 6749 3.2)."""
        return [(name, value) for name, value in super().extract_body(request) if value]

    def _get_escaped_full_path(self, request: HttpRequest) -> str:
        """Return the URL without unknown parameters and those without a value, which count as omitted (RFC 6749 3.1).

        oauthlib would take unknown ones such as `client`, `user` and `scopes` for its own attributes.
        """
        pairs = [
            (name, value)
            for name, values in request.GET.lists()
            for value in values
            if name in AUTHORIZATION_PARAMETERS and value
        ]
        return f"{request.path}?{urlencode(pairs)}"

    def validate_authorization_request(self, request: HttpRequest) -> Any:
        """Validate the query parameters, even if the consent form is posted."""
        get_request = request
        if request.method == "POST":
            get_request = HttpRequest()
            get_request.method, get_request.path, get_request.META = "GET", request.path, request.META
            get_request.GET = request.GET
        return super().validate_authorization_request(get_request)


@cache
def get_oauth_backend() -> StrictBackend:
    """Return the backend. It is stateless, so one instance serves all requests."""
    backend: StrictBackend = get_oauthlib_core()
    return backend


def select_resources(
    parameters: Iterable[tuple[str, str]], granted: Collection[str], request: object
) -> list[str]:
    """Return the resources that the parameters request of the granted ones (RFC 8707 2). Raises OAuth2Error."""
    requested = [value for name, value in parameters if name == "resource"]
    try:
        return resource_indicators.select_resources(requested, granted)
    except resource_indicators.InvalidTarget as error:
        raise errors.CustomOAuth2Error("invalid_target", description=str(error), request=request) from None


def _verify_challenge(verifier: str, challenge: str) -> bool:
    if not code_challenge_method_s256(verifier, challenge):
        raise client_errors.build_invalid_grant_error(ErrorKind.VERIFIER)
    return True


def _check_response_type(request: AuthorizationRequest) -> dict[str, object]:
    if request.response_type not in (None, "code"):  # oauthlib reports a missing one
        raise errors.UnsupportedResponseTypeError(description="response_type must be code.", request=request)
    return {}


def _check_response_mode(request: AuthorizationRequest) -> dict[str, object]:
    """Reject modes other than query: a code in the fragment would be visible to scripts and stay in the history."""
    response_mode, request.response_mode = request.response_mode, None
    if response_mode not in (None, "query"):
        raise errors.InvalidRequestError(description="response_mode must be query.", request=request)
    return {}


def _check_challenge(request: AuthorizationRequest) -> dict[str, object]:
    # RFC 7636 4.2: an S256 challenge has 43 characters, and no verifier could match another length.
    if len(request.code_challenge or "") != S256_CHARACTERS:
        raise errors.InvalidRequestError(
            description="code_challenge must be an S256 challenge.", request=request
        )
    return {}


def _check_resources(request: AuthorizationRequest) -> dict[str, object]:
    everything = resource_indicators.list_resources()
    return {"resource": select_resources(request.uri_query_params, everything, request)}
