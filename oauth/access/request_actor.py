"""From a request to the actor behind it: the only way a door learns on whose authority it acts."""

from django.http import HttpRequest

from accounts.actor import Actor, Channel
from accounts.models import User
from oauth.tokens import bearer

TOKEN_CHANNELS = (Channel.API, Channel.MCP)


def actor_from_request(request: HttpRequest, door: Channel) -> Actor:
    """The app whose token the request shows, else the signed-in person, else an anonymous visitor.

    A token counts at the doors for apps only, and only in the Authorization header (RFC 9700 4.3.2). MCP takes no
    session: browsers send it on their own. Raises bearer.TokenRefused, and LimitReached when an app asks
    too often.
    """
    if door in TOKEN_CHANNELS and (header := request.headers.get("Authorization")) is not None:
        return bearer.authenticate_token(_parse_bearer_token(header), door)
    if door == Channel.MCP:
        return Actor(user=None, door=door)
    user = request.user if isinstance(request.user, User) and request.user.is_active else None
    return Actor(user=user, door=door)


def _parse_bearer_token(header: str) -> str:
    kind, _blank, token = header.partition(" ")
    if kind.lower() != "bearer":
        raise bearer.InvalidAccessToken(
            "The Authorization header must be: Bearer, a blank, the access token."
        )
    return token.strip()
