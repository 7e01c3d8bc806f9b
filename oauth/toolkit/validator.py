"""The toolkit's validator of clients, codes and tokens, made stricter."""

import json
from collections.abc import Mapping, Sequence

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749.errors import InvalidScopeError
from oauthlib.oauth2.rfc8628.grant_types import DeviceCodeGrant

from oauth import client_assertions, client_secrets
from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.models import Application, TokenFamily
from oauth.tokens import device_codes, families, issue, refresh_retry
from oauth.toolkit.oauth_requests import (
    ClientRequest,
    ScopedRequest,
    TokenRequest,
    ValidCodeRequest,
    ValidRefreshRequest,
    ValidTokenRequest,
)
from oauth.toolkit.scopes import drop_unknown_scopes, select_scopes
from oauth.toolkit.server import select_resources


class StrictValidator(OAuth2Validator):  # type: ignore[misc]
    """Runs in the transaction of oauth/endpoints/views.py, which holds the lock of the token family."""

    # --- Clients ------------------------------------------------------------------------------------------

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        raise NotImplementedError("use Application.check_client_secret")

    def client_authentication_required(self, request: ClientRequest, *_: object, **__: object) -> bool:
        """Return whether the client has a secret. Of a public client, a secret is ignored: PKCE protects its codes."""
        client = self._load_application(_get_client_id(request), request)
        return client is None or not client.is_public

    def authenticate_client_id(
        self, _client_id: str, request: ClientRequest, *_: object, **__: object
    ) -> bool:
        return self._load_application(_get_client_id(request), request) is not None

    def authenticate_client(self, request: ClientRequest, *_: object, **__: object) -> bool:
        """Check the secret. RFC 6749 2.3: only one method per request counts, which is Basic if it is used."""
        _id, secret = _parse_basic_header(request) or ("", getattr(request, "client_secret", None))
        client = self._load_application(_get_client_id(request), request)
        return client is not None and not client.is_public and client.check_client_secret(secret or "")

    def _load_application(self, client_id: str | None, request: ClientRequest) -> Application | None:
        """Load the client once per request. `request.client` may be a str, from a parameter of that name."""
        if not isinstance(request.client, Application) or request.client.client_id != client_id:
            request.client = Application.find_client(client_id)
        return request.client

    # --- Authorization requests ---------------------------------------------------------------------------

    def validate_scopes(
        self,
        _client_id: str,
        scopes: Sequence[str],
        client: Application,
        request: ScopedRequest,
        *_: object,
        **__: object,
    ) -> bool:
        if isinstance(getattr(request, "presented", None), issue.PresentedDeviceCode):
            return True  # of a token request: the user chose them
        request.scopes = select_scopes(scopes, client)
        if not request.scopes:
            raise InvalidScopeError(
                description="This app cannot request any of the scopes that it asks for.", request=request
            )
        return True

    # --- Authorization codes: only a digest is stored -----------------------------------------------------

    def _create_authorization_code(
        self, request: object, code: Mapping[str, str], expires: object = None
    ) -> object:
        stored = {**code, "code": families.compute_checksum(code["code"])}
        return super()._create_authorization_code(request, stored, expires)

    def validate_code(
        self, _client_id: str, code: str, client: Application, request: TokenRequest, *_: object, **__: object
    ) -> bool:
        request.token_family = families.derive_family_id(code)
        request.code = families.compute_checksum(code)  # used by all later calls of this request
        request.presented = presented = issue.find_code(request.code, client)
        if presented is None:
            # RFC 6749 4.1.2, RFC 9700 4.2.4: a second use suggests that the code was stolen.
            families.RefreshToken.revoke_family(request.token_family)
            raise client_errors.build_invalid_grant_error(_classify_code_error(request, client), request)
        request.scopes = presented.scope.split(" ")
        return _require_active_grant(request, presented)

    def get_code_challenge(self, _code: str, request: ValidCodeRequest) -> str | None:
        return request.presented.code_challenge or None

    def get_code_challenge_method(self, _code: str, request: ValidCodeRequest) -> str | None:
        return request.presented.code_challenge_method or None

    def confirm_redirect_uri(
        self,
        _client_id: str,
        _code: str,
        redirect_uri: str,
        _client: Application,
        request: ValidCodeRequest,
        **_: object,
    ) -> bool:
        return redirect_uri == request.presented.redirect_uri

    def invalidate_authorization_code(self, *_: object, **__: object) -> None:
        """Do nothing: the code was deleted when the tokens were issued."""

    # --- Device codes ---------------------------------------------------------------------------------------

    def validate_device_code(
        self, _client_id: str, device_code: str, request: TokenRequest, *_: object, **__: object
    ) -> str:
        """Return the status of the device code (RFC 8628 3.5). Raises InvalidGrantError."""
        request.token_family = families.derive_family_id(device_code)
        request.presented = presented = issue.find_device_code(
            families.compute_checksum(device_code), request.client
        )
        if presented is not None:
            request.scopes = presented.scope.split(" ")
            _require_active_grant(request, presented)
            return str(DeviceCodeGrant.DEVICE_CODE_AUTHORIZED)
        status = device_codes.poll(device_code, request.client)
        if status is None:
            families.RefreshToken.revoke_family(request.token_family)  # as for a second use of a code
            raise client_errors.build_invalid_grant_error(ErrorKind.DEVICE_CODE, request)
        return status

    # --- Refresh tokens -------------------------------------------------------------------------------------

    def validate_refresh_token(
        self, refresh_token: str, client: Application, request: TokenRequest, *args: object, **kwargs: object
    ) -> bool:
        request.presented = presented = issue.find_refresh_token(refresh_token, client)
        request.scope = drop_unknown_scopes(request.scope or "")
        if presented is None:
            refresh_retry.raise_for_replay(refresh_token, client)
            # The toolkit detects reuse and then revokes the family.
            super().validate_refresh_token(refresh_token, client, request, *args, **kwargs)
            raise client_errors.build_invalid_grant_error(ErrorKind.REFRESH, request)
        return _require_active_grant(request, presented)

    def get_original_scopes(
        self, _refresh_token: str, request: ValidRefreshRequest, *_: object, **__: object
    ) -> str:
        return request.presented.scope

    def is_within_original_scope(self, _scopes: list[str], _token: str, request: object, **_: object) -> bool:
        """Raise InvalidScopeError: oauthlib calls this only for scopes that the refresh token does not have."""
        raise InvalidScopeError(description=client_errors.DESCRIPTIONS[ErrorKind.WIDER], request=request)

    # --- Tokens -----------------------------------------------------------------------------------------------

    def save_bearer_token(
        self, token: Mapping[str, str], request: ValidTokenRequest, *_: object, **__: object
    ) -> None:
        """Store the tokens in the caller's transaction. `request.presented` was set by the validation above."""
        resource = select_resources(request.decoded_body or (), request.presented.resource, request)
        if isinstance(request.presented, issue.PresentedRefreshToken):
            is_issued = issue.rotate_refresh_token(request.presented, token, resource)
        else:
            is_issued = issue.redeem_code(request.presented, request.token_family, token, resource)
        if not is_issued:
            raise client_errors.build_invalid_grant_error(ErrorKind.ENDED, request)
        if isinstance(request.presented, issue.PresentedRefreshToken):
            response = json.dumps(token).encode()  # as oauthlib serialises it
            refresh_retry.store_response(
                request.refresh_token, request.client, response, successor=token["refresh_token"]
            )

    # --- Revocation -------------------------------------------------------------------------------------------

    def revoke_token(
        self, token: str, token_type_hint: str | None, request: TokenRequest, *args: object, **kwargs: object
    ) -> None:
        """Revoke the family, even for a refresh token that was already used, which its owner may not know."""
        own = families.RefreshToken.objects.filter(
            token_checksum=families.compute_checksum(token), application=request.client
        )
        if own:
            families.RefreshToken.revoke_family(own[0].token_family)
        else:
            super().revoke_token(token, token_type_hint, request, *args, **kwargs)


def _parse_basic_header(request: ClientRequest) -> tuple[str, str | None] | None:
    return client_secrets.parse_basic_header(request.headers.get("HTTP_AUTHORIZATION", ""))


def _get_client_id(request: ClientRequest) -> str | None:
    """Return the client id in the body, Basic credentials or assertion, None if two differ."""
    basic = _parse_basic_header(request)
    if basic is None and not request.client_id and (assertion := getattr(request, "client_assertion", None)):
        request.client_id = client_assertions.get_client_id(assertion)
    if basic is None:
        return request.client_id
    return basic[0] if request.client_id in (None, "", basic[0]) else None


def _require_active_grant(request: TokenRequest, presented: issue.PresentedCredential) -> bool:
    if not presented.is_allowed:
        raise client_errors.build_invalid_grant_error(ErrorKind.ENDED, request)
    return True


def _classify_code_error(request: TokenRequest, client: Application) -> ErrorKind:
    if families.AuthorizationCode.objects.filter(code=request.code, application=client).exists():
        return ErrorKind.CODE_EXPIRED
    is_known = TokenFamily.objects.filter(pk=request.token_family).exists()
    return ErrorKind.CODE_USED if is_known else ErrorKind.CODE
