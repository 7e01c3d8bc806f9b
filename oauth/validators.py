"""What the toolkit asks about clients, codes and tokens, answered more strictly than it would itself."""

import json
from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749.errors import InvalidScopeError

from accounts.models import User
from oauth import client_secrets, mistakes, receipts, resources, rotation, tokens
from oauth.hints import Kind
from oauth.models import AppGrant, Application, TokenFamily
from oauth.rotation import Refreshable
from oauth.server import unknown_target


class StrictValidator(OAuth2Validator):  # type: ignore[misc]
    """Called within oauth/endpoints.py's transaction, which holds the family's lock."""

    # --- Clients ------------------------------------------------------------------------------------------

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        raise NotImplementedError("secrets are compared by Application.secret_matches")

    def _authenticate_basic_auth(self, request: Any) -> bool:
        client_id, secret = client_secrets.of_basic(self._extract_basic_auth(request) or "") or ("", None)
        return secret is not None and self._knows_secret(client_id, secret, request)

    def _authenticate_request_body(self, request: Any) -> bool:
        given = request.client_id, getattr(request, "client_secret", None) or ""
        # RFC 6749 2.3: one method a request.
        return self._extract_basic_auth(request) is None and self._knows_secret(*given, request)

    def _load_application(self, client_id: str | None, request: Any) -> Application | None:
        """Once a request. `client` may be a parameter of the request's own, hence a string."""
        if not isinstance(request.client, Application) or request.client.client_id != client_id:
            is_one = client_id and "\0" not in client_id  # PostgreSQL would refuse to look for it
            request.client = Application.objects.filter(client_id=client_id).first() if is_one else None
        found: Application | None = request.client
        return found

    def _knows_secret(self, client_id: str, secret: str, request: Any) -> bool:
        client = self._load_application(client_id, request)
        return client is not None and not client.is_public and client.secret_matches(secret)

    # --- Codes: only a digest is stored -------------------------------------------------------------------

    def _create_authorization_code(self, request: Any, code: Any, expires: Any = None) -> Any:
        return super()._create_authorization_code(
            request, {**code, "code": tokens.checksum(code["code"])}, expires
        )

    def validate_code(
        self, client_id: str, code: str, client: Application, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        request.token_family = tokens.family_of_code(code)
        request.code = tokens.checksum(code)  # what every later question of this request is about
        if super().validate_code(client_id, request.code, client, request, *args, **kwargs):
            return _check_permission(request.user, client, request)
        # RFC 6749 4.1.2, RFC 9700 4.2.4: a second use means that somebody has what is not theirs.
        tokens.RefreshToken.revoke_family(request.token_family)
        raise mistakes.refusal(_wrong_code(request, client), request)

    # --- Refreshing -----------------------------------------------------------------------------------------

    def validate_refresh_token(
        self, refresh_token: str, client: Application, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        shown = rotation.find(refresh_token, client)
        if shown is None:
            receipts.repeat(refresh_token, client)
            super().validate_refresh_token(
                refresh_token, client, request, *args, **kwargs
            )  # ends a replayed family
            raise mistakes.refusal(Kind.REFRESH, request)
        if not shown.is_allowed:
            raise mistakes.refusal(Kind.ENDED, request)
        request.refresh_token_instance = shown
        return True

    def get_original_scopes(self, _refresh_token: str, request: Any, *_: Any, **__: Any) -> str:
        shown: Refreshable = request.refresh_token_instance
        return shown.scope

    def is_within_original_scope(self, _scopes: list[str], _token: str, request: Any, **_: Any) -> bool:
        """Asked of scopes that the refresh token does not have."""
        raise InvalidScopeError(description=mistakes.DESCRIPTIONS[Kind.WIDER], request=request)

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        """In the caller's transaction, not in another one within."""
        shown = getattr(request, "refresh_token_instance", None)
        if not isinstance(shown, Refreshable):
            self._save_bearer_token(token, request, *args, **kwargs)
            return
        self._check_and_set_request_resource(request)
        if not rotation.rotate(shown, token, request.resource):
            raise mistakes.refusal(Kind.REFRESH, request)
        answer = json.dumps(token).encode()  # as oauthlib will say it
        receipts.leave(request.refresh_token, request.client, answer, successor=token["refresh_token"])

    def _create_refresh_token(
        self, request: Any, refresh_token_code: str, access_token: Any, previous_refresh_token: Any
    ) -> Any:
        made = super()._create_refresh_token(
            request, refresh_token_code, access_token, previous_refresh_token
        )
        if previous_refresh_token is None:
            TokenFamily.objects.create(pk=request.token_family)
            made.token_family = request.token_family
            made.save(update_fields=["token_family"])
        return made

    # --- What a token is for ----------------------------------------------------------------------------------

    def _check_and_set_request_resource(self, request: Any) -> None:
        """RFC 8707: never for an unknown resource, never for everything."""
        super()._check_and_set_request_resource(request)
        named = [resources.normal(each) for each in request.resource]
        if None in named:
            raise unknown_target(request)
        request.resource = named or [resources.default_resource()]


def _check_permission(user: User, client: Application, request: Any) -> bool:
    """The person is there and still lets the app. Locks the grant, so that taking it back waits or wins."""
    grant = (
        AppGrant.objects.select_for_update(no_key=True, of=("self",))
        .filter(user=user, application=client, user__is_active=True)
        .first()
    )
    if grant is None or grant.has_ended:
        raise mistakes.refusal(Kind.ENDED, request)
    return True


def _wrong_code(request: Any, client: Application) -> Kind:
    if tokens.Code.objects.filter(code=request.code, application=client).exists():
        return Kind.CODE_EXPIRED
    is_known = TokenFamily.objects.filter(pk=request.token_family).exists()
    return Kind.CODE_USED if is_known else Kind.CODE
