"""Pages show times in the person's own time zone."""

from collections.abc import Callable
from datetime import UTC

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Asking for the session's person costs a query, so only where there is a session.
        zone = request.user.zone if self._has_session(request) and request.user.is_authenticated else UTC
        with timezone.override(zone):
            return self.get_response(request)

    @staticmethod
    def _has_session(request: HttpRequest) -> bool:
        return request.session.session_key is not None
