"""Middleware that shows times in the user's time zone."""

from collections.abc import Callable
from datetime import UTC

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Loading the user costs a query, so do it only if there is a session.
        zone = request.user.zone if self._has_session(request) and request.user.is_authenticated else UTC
        with timezone.override(zone):
            return self.get_response(request)

    @staticmethod
    def _has_session(request: HttpRequest) -> bool:
        return request.session.session_key is not None
