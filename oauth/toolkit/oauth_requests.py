"""The requests that oauthlib passes along, as far as this package reads and sets them."""

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from oauth.models import Application
from oauth.tokens import issue


class AuthorizationRequest(Protocol):
    """At the authorization endpoint."""

    response_mode: str | None
    code_challenge: str | None
    uri_query_params: Iterable[tuple[str, str]]


class ClientRequest(Protocol):
    """A request whose client still has to prove itself. `client` may be a parameter of the request's own."""

    client_id: str
    client: Application | str | None


class TokenRequest(Protocol):
    """From a client that has proven itself; what it shows is to be looked up."""

    client: Application
    scopes: Sequence[str]
    token_family: UUID
    code: str
    shown: issue.PresentedCode | issue.PresentedRefreshToken | None


class ShownRequest(Protocol):
    """After the code or the refresh token was found."""

    client: Application
    decoded_body: Iterable[tuple[str, str]] | None
    refresh_token: str
    token_family: UUID
    shown: issue.PresentedCode | issue.PresentedRefreshToken


class ShownCode(Protocol):
    """After the code was found."""

    shown: issue.PresentedCode


class ShownRefresh(Protocol):
    """After the refresh token was found."""

    shown: issue.PresentedRefreshToken
