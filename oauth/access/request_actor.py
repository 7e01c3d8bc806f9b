"""Authentication of requests: the only way for a channel to get the actor of a request."""

from django.http import HttpRequest

from accounts.actor import Actor, Channel
from accounts.models import User
from core.db.principal import act_for
from oauth.tokens import bearer

TOKEN_CHANNELS = (Channel.API, Channel.MCP)


def actor_from_request(request: HttpRequest, channel: Channel) -> Actor:
    """Return the app of the bearer token, else the signed-in user, else an anonymous user.

    Tokens are accepted only on the API and MCP, and only in the Authorization header (RFC 9700 4.3.2). MCP ignores
    sessions, because browsers send their cookies automatically. From now on the database gives the rows of the token's
    user; accounts/middleware.py does the same for sessions. Raises bearer.InvalidAccessToken, RateLimitExceeded.
    """
    if channel in TOKEN_CHANNELS and (header := request.headers.get("Authorization")) is not None:
        actor = bearer.authenticate_token(_parse_bearer_token(header), channel)
        act_for(actor.person.pk)
        return actor
    if channel == Channel.MCP:
        return Actor(user=None, door=channel)
    user = request.user if isinstance(request.user, User) and request.user.is_active else None
    return Actor(user=user, door=channel)


def _parse_bearer_token(header: str) -> str:
    kind, _blank, token = header.partition(" ")
    if kind.lower() != "bearer":
        raise bearer.InvalidAccessToken(
            "The Authorization header must consist of Bearer, a space and the access token."
        )
    return token.strip()
