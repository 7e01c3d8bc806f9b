"""From a request to the actor behind it: the only way a door learns on whose authority it acts."""

from django.http import HttpRequest

from accounts.actor import Actor, Door
from accounts.models import User


def actor_from_request(request: HttpRequest, door: Door) -> Actor:
    """The signed-in person of this request, or an anonymous visitor."""
    user = request.user if isinstance(request.user, User) and request.user.is_active else None
    return Actor(user=user, door=door)
