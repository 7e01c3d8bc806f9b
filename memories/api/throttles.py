"""Which limits hold at the API, and against whom they count."""

from typing import cast

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.actor import Actor
from accounts.rate_limits import enforce_rate_limit, get_anonymous_limit, get_api_limit
from core.client_ip import get_client_network


class ActorRateThrottle(BaseThrottle):
    """Each app of each person has its own share; the person's own session is like one more app.

    An app's request was counted with its token (oauth.tokens.bearer).
    """

    def allow_request(self, request: Request, view: object) -> bool:
        actor = cast(Actor, request.auth)
        if not actor.is_app:
            enforce_rate_limit(get_api_limit(), f"{actor.person.pk}:")
        return True


class IpRateThrottle(BaseThrottle):
    """For what anybody may ask."""

    def allow_request(self, request: Request, view: object) -> bool:
        enforce_rate_limit(get_anonymous_limit(), get_client_network(request._request))
        return True
