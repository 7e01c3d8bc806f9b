"""What the toolkit asks about clients, codes and tokens, answered more strictly than it would itself."""

import json
from collections.abc import Mapping

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749.errors import InvalidScopeError

from oauth import client_secrets
from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.models import Application, TokenFamily
from oauth.tokens import families, issue, refresh_retry, resource_indicators
from oauth.toolkit.oauth_requests import ClientRequest, ShownCode, ShownRefresh, ShownRequest, TokenRequest
from oauth.toolkit.server import build_invalid_target_error


class StrictValidator(OAuth2Validator):  # type: ignore[misc]
    """Called within oauth/endpoints/views.py's transaction, which holds the family's lock."""

    # --- Clients ------------------------------------------------------------------------------------------

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        raise NotImplementedError("secrets are compared by Application.secret_matches")

    def _authenticate_basic_auth(self, request: ClientRequest) -> bool:
        client_id, secret = client_secrets.parse_basic_credentials(
            self._extract_basic_auth(request) or ""
        ) or ("", None)
        return secret is not None and self._is_secret_valid(client_id, secret, request)

    def _authenticate_request_body(self, request: ClientRequest) -> bool:
        given = request.client_id, getattr(request, "client_secret", None) or ""
        # RFC 6749 2.3: one method a request.
        return self._extract_basic_auth(request) is None and self._is_secret_valid(*given, request)

    def _load_application(self, client_id: str | None, request: ClientRequest) -> Application | None:
        """Once a request. `client` may be a parameter of the request's own, hence a string."""
        if not isinstance(request.client, Application) or request.client.client_id != client_id:
            is_one = client_id and "\0" not in client_id  # PostgreSQL would refuse to look for it
            request.client = Application.objects.filter(client_id=client_id).first() if is_one else None
        return request.client

    def _is_secret_valid(self, client_id: str, secret: str, request: ClientRequest) -> bool:
        client = self._load_application(client_id, request)
        return client is not None and not client.is_public and client.check_client_secret(secret)

    # --- Codes: only a digest is stored -------------------------------------------------------------------

    def _create_authorization_code(
        self, request: object, code: Mapping[str, str], expires: object = None
    ) -> object:
        stored = {**code, "code": families.compute_checksum(code["code"])}
        return super()._create_authorization_code(request, stored, expires)

    def validate_code(
        self, _client_id: str, code: str, client: Application, request: TokenRequest, *_: object, **__: object
    ) -> bool:
        request.token_family = families.derive_family_id(code)
        request.code = families.compute_checksum(code)  # what every later question of this request is about
        request.shown = shown = issue.find_code(request.code, client)
        if shown is None:
            # RFC 6749 4.1.2, RFC 9700 4.2.4: a second use means that somebody has what is not theirs.
            families.RefreshToken.revoke_family(request.token_family)
            raise client_errors.build_invalid_grant_error(_classify_code_error(request, client), request)
        request.scopes = shown.scope.split(" ")
        return _require_active_grant(request, shown)

    def get_code_challenge(self, _code: str, request: ShownCode) -> str | None:
        return request.shown.code_challenge or None

    def get_code_challenge_method(self, _code: str, request: ShownCode) -> str | None:
        return request.shown.code_challenge_method or None

    def confirm_redirect_uri(
        self,
        _client_id: str,
        _code: str,
        redirect_uri: str,
        _client: Application,
        request: ShownCode,
        **_: object,
    ) -> bool:
        return redirect_uri == request.shown.redirect_uri

    def invalidate_authorization_code(self, *_: object, **__: object) -> None:
        """It went when its tokens came."""

    # --- Refreshing -----------------------------------------------------------------------------------------

    def validate_refresh_token(
        self, refresh_token: str, client: Application, request: TokenRequest, *args: object, **kwargs: object
    ) -> bool:
        request.shown = shown = issue.find_refresh_token(refresh_token, client)
        if shown is None:
            refresh_retry.raise_for_replay(refresh_token, client)
            # The toolkit knows whether it was used before, and ends its family then.
            super().validate_refresh_token(refresh_token, client, request, *args, **kwargs)
            raise client_errors.build_invalid_grant_error(ErrorKind.REFRESH, request)
        return _require_active_grant(request, shown)

    def get_original_scopes(
        self, _refresh_token: str, request: ShownRefresh, *_: object, **__: object
    ) -> str:
        return request.shown.scope

    def is_within_original_scope(self, _scopes: list[str], _token: str, request: object, **_: object) -> bool:
        """Asked of scopes that the refresh token does not have."""
        raise InvalidScopeError(description=client_errors.DESCRIPTIONS[ErrorKind.WIDER], request=request)

    # --- Tokens -----------------------------------------------------------------------------------------------

    def save_bearer_token(
        self, token: Mapping[str, str], request: ShownRequest, *_: object, **__: object
    ) -> None:
        """In the caller's transaction. `shown` was set when it was looked at, so no parameter stands in for it."""
        resource = _select_resources(request)
        if isinstance(request.shown, issue.PresentedCode):
            is_there = issue.redeem_code(request.shown, request.token_family, token, resource)
        else:
            is_there = issue.rotate_refresh_token(request.shown, token, resource)
        if not is_there:
            raise client_errors.build_invalid_grant_error(ErrorKind.ENDED, request)
        if isinstance(request.shown, issue.PresentedRefreshToken):
            answer = json.dumps(token).encode()  # as oauthlib will say it
            refresh_retry.store_response(
                request.refresh_token, request.client, answer, successor=token["refresh_token"]
            )

    # --- Giving back ------------------------------------------------------------------------------------------

    def revoke_token(
        self, token: str, token_type_hint: str | None, request: TokenRequest, *args: object, **kwargs: object
    ) -> None:
        """A refresh token that was used already, too: who gives it back need not know who used it, or that one did."""
        own = families.RefreshToken.objects.filter(
            token_checksum=families.compute_checksum(token), application=request.client
        )
        if own:
            families.RefreshToken.revoke_family(own[0].token_family)
        else:
            super().revoke_token(token, token_type_hint, request, *args, **kwargs)


def _select_resources(request: ShownRequest) -> list[str]:
    """RFC 8707: of what was granted, what is asked for; never an unknown resource, never everything."""
    granted = request.shown.resource or [resource_indicators.get_default_resource()]
    asked = [value for name, value in request.decoded_body or () if name == "resource" and value.strip()]
    named = [resource_indicators.normalize_resource(value) for value in asked]
    if any(each not in granted for each in named):
        raise build_invalid_target_error(request)
    return [each for each in named if each] or granted


def _require_active_grant(request: TokenRequest, shown: issue.PresentedCredential) -> bool:
    if not shown.is_allowed:
        raise client_errors.build_invalid_grant_error(ErrorKind.ENDED, request)
    return True


def _classify_code_error(request: TokenRequest, client: Application) -> ErrorKind:
    if families.AuthorizationCode.objects.filter(code=request.code, application=client).exists():
        return ErrorKind.CODE_EXPIRED
    is_known = TokenFamily.objects.filter(pk=request.token_family).exists()
    return ErrorKind.CODE_USED if is_known else ErrorKind.CODE
