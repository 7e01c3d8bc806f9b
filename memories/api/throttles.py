"""Which limits hold at the API, and against whom they count."""

from typing import cast

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.actor import Actor
from accounts.rate_limits import hit, of_anybody, of_requests
from core.client_ip import client_network


class PerPersonAndApp(BaseThrottle):
    """Each app of each person has its own share; the person's own session is like one more app.

    An app's request was counted with its token (oauth.tokens.bearer).
    """

    def allow_request(self, request: Request, view: object) -> bool:
        actor = cast(Actor, request.auth)
        if not actor.is_app:
            hit(of_requests(), f"{actor.person.pk}:")
        return True


class PerAddress(BaseThrottle):
    """For what anybody may ask."""

    def allow_request(self, request: Request, view: object) -> bool:
        hit(of_anybody(), client_network(request._request))
        return True
