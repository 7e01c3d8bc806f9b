"""What oauthlib runs: the code and refresh grants alone, refused before the person is asked anything."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from oauth2_provider.oauth2_backends import OAuthLibCore, get_oauthlib_core
from oauthlib.oauth2 import WebApplicationServer
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256

from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.tokens import resource_indicators
from oauth.toolkit.oauth_requests import AuthorizationRequest

S256_CHARACTERS = 43  # of a SHA-256 digest in base64url


class StrictServer(WebApplicationServer):  # type: ignore[misc]
    """No implicit, no password, no client credentials, no device: those grants are not there at all."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.auth_grant._code_challenge_methods = {"S256": _verify_challenge}
        self.auth_grant.custom_validators.pre_auth.append(_check_response_mode)
        self.auth_grant.custom_validators.post_auth.append(_check_challenge)
        self.auth_grant.custom_validators.post_auth.append(_check_resources)


class StrictBackend(OAuthLibCore):  # type: ignore[misc]
    """Between Django's requests and oauthlib's."""

    def validate_authorization_request(self, request: HttpRequest) -> Any:
        """The request stands in the address, also when the person's answer is posted to it."""
        asked = request
        if request.method == "POST":
            asked = HttpRequest()
            asked.method, asked.path, asked.META = "GET", request.path, request.META
        return super().validate_authorization_request(asked)


@cache
def get_oauth_backend() -> StrictBackend:
    """It holds nothing of a request, so one serves them all."""
    made: StrictBackend = get_oauthlib_core()
    return made


def build_invalid_target_error(request: object) -> errors.OAuth2Error:
    """RFC 8707 2: the client asks for something that is not here."""
    return errors.CustomOAuth2Error("invalid_target", description="Unknown resource.", request=request)


def _verify_challenge(verifier: str, challenge: str) -> bool:
    if not code_challenge_method_s256(verifier, challenge):
        raise client_errors.build_invalid_grant_error(ErrorKind.VERIFIER)
    return True


def _check_response_mode(request: AuthorizationRequest) -> dict[str, object]:
    """A code in the fragment would stay in the browser's history and in whatever script runs there."""
    asked, request.response_mode = request.response_mode, None
    if asked not in (None, "query"):
        raise errors.InvalidRequestError(description="The only response_mode is query.", request=request)
    return {}


def _check_challenge(request: AuthorizationRequest) -> dict[str, object]:
    # RFC 7636 4.2: anything shorter is no S256 challenge and could never be answered.
    if len(request.code_challenge or "") != S256_CHARACTERS:
        raise errors.InvalidRequestError(
            description="code_challenge must be an S256 challenge.", request=request
        )
    return {}


def _check_resources(request: AuthorizationRequest) -> dict[str, object]:
    named = [value for key, value in request.uri_query_params if key == "resource"]
    if any(resource_indicators.normalize_resource(value) is None for value in named):
        raise build_invalid_target_error(request)
    return {
        "resource": [resource_indicators.normalize_resource(value) for value in named]
        or [resource_indicators.get_default_resource()]
    }
