"""Which limits hold at the API, and against whom they count."""

from typing import Any

from rest_framework.throttling import BaseThrottle

from accounts.rate_limits import hit, of_anybody, of_requests
from core.client_ip import client_network


class PerPersonAndApp(BaseThrottle):
    """Each app of each person has its own share; the person's own session is like one more app.

    An app's request was counted with its token (oauth.tokens.bearer).
    """

    def allow_request(self, request: Any, view: Any) -> bool:
        actor = request.auth
        if not actor.is_app:
            hit(of_requests(), f"{actor.person.pk}:")
        return True


class PerAddress(BaseThrottle):
    """For what anybody may ask."""

    def allow_request(self, request: Any, view: Any) -> bool:
        hit(of_anybody(), client_network(request))
        return True
