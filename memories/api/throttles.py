"""Rate limits of the API."""

from typing import cast

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.actor import Actor
from accounts.rate_limits import enforce_rate_limit, get_anonymous_limit, get_api_limit
from accounts.work_budget import Share, require_budget
from core.client_ip import get_client_network


class ActorRateThrottle(BaseThrottle):
    """Limit each app of a user separately; the user's own session counts like one more app.

    Requests of apps are counted when their token is checked (oauth.tokens.bearer). The work of all of them is bounded
    together (accounts/work_budget.py).
    """

    def allow_request(self, request: Request, view: object) -> bool:
        actor = cast(Actor, request.auth)
        if not actor.is_app:
            require_budget(actor.person.pk, Share.PAGES)
            enforce_rate_limit(get_api_limit(), f"{actor.person.pk}:")
        return True


class IpRateThrottle(BaseThrottle):
    """Limit requests without authentication by network address."""

    def allow_request(self, request: Request, view: object) -> bool:
        enforce_rate_limit(get_anonymous_limit(), get_client_network(request._request))
        return True
