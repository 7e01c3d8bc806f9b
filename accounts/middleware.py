"""Middleware for the person of a session: the database gives only their rows, and times are in their time zone."""

from collections.abc import Callable
from datetime import UTC, tzinfo

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from accounts.models import User
from core.db.principal import NOBODY, Principal, acting_as, get_principal, keep_principal


class PersonMiddleware:
    """Nobody acts in the database before this, nor without a session, until a channel has accepted a token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Loading the user costs a query, so do it only if there is a session.
        user = request.user if self._has_session(request) else None
        principal: Principal = NOBODY
        zone: tzinfo = UTC
        if isinstance(user, User):
            principal, zone = Principal(user.pk), user.zone
        with acting_as(principal), timezone.override(zone):
            response = self.get_response(request)
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                response.streaming_content = keep_principal(get_principal(), response.streaming_content)  # type: ignore[arg-type]
        return response

    @staticmethod
    def _has_session(request: HttpRequest) -> bool:
        return request.session.session_key is not None
