"""Types of oauthlib's requests, with the attributes that this package reads and sets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from oauth.models import Application
from oauth.tokens import issue


class AuthorizationRequest(Protocol):
    """A request to the authorization endpoint."""

    response_type: str | None
    response_mode: str | None
    code_challenge: str | None
    uri_query_params: Iterable[tuple[str, str]]


class ScopedRequest(Protocol):
    """An authorization request. `scopes` are the requested ones, later those that the user chose."""

    scopes: Sequence[str]


class ClientRequest(Protocol):
    """A request whose client is not authenticated yet. `client` may be a request parameter of that name."""

    client_id: str | None
    client: Application | str | None
    headers: Mapping[str, str]


class TokenRequest(Protocol):
    """A token request of an authenticated client, before its credential is looked up."""

    client: Application
    scope: str | None
    scopes: Sequence[str]
    token_family: UUID
    code: str
    presented: issue.PresentedCode | issue.PresentedDeviceCode | issue.PresentedRefreshToken | None


class ValidTokenRequest(Protocol):
    """A token request whose code or refresh token was found."""

    client: Application
    decoded_body: Iterable[tuple[str, str]] | None
    refresh_token: str
    token_family: UUID
    presented: issue.PresentedCode | issue.PresentedDeviceCode | issue.PresentedRefreshToken


class ValidCodeRequest(Protocol):
    """A token request whose code was found."""

    presented: issue.PresentedCode


class ValidRefreshRequest(Protocol):
    """A token request whose refresh token was found."""

    presented: issue.PresentedRefreshToken
