"""Middleware that shows times in the user's time zone, and that bounds the work of a session."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.rate_limits import RateLimitExceeded
from accounts.work_budget import Share, require_budget
from core.http import render_rate_limited
from core.work_meter import start_meter

ACCOUNT_PATHS = ("/accounts/", "/oauth/")  # where apps are disconnected, and sessions ended
API_PATH = "/api/"  # has a response of its own (memories/api/throttles.py)


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Loading the user costs a query, so do it only if there is a session.
        zone = request.user.zone if _has_session(request) and request.user.is_authenticated else UTC
        with timezone.override(zone):
            return self.get_response(request)


class WorkBudgetMiddleware:
    """Measures each request's work, and rejects pages of users who have used up their budget of it.

    Whom to charge is known here for a session; oauth.access.request_actor says it for an app.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with ExitStack() as until_sent:
            until_sent.enter_context(start_meter().measure())
            try:
                _require_budget_of_session(request)
            except RateLimitExceeded as error:
                return render_rate_limited(request, error.retry_after_s)
            response = self.get_response(request)
            if response.streaming:  # its content is generated when it is sent
                response._resource_closers.append(until_sent.pop_all().close)  # type: ignore[attr-defined]
            return response


def _require_budget_of_session(request: HttpRequest) -> None:
    if request.path.startswith(API_PATH) or not _has_session(request) or not request.user.is_authenticated:
        return
    is_account = request.path.startswith(ACCOUNT_PATHS)
    require_budget(request.user.pk, Share.ACCOUNT if is_account else Share.PAGES)


def _has_session(request: HttpRequest) -> bool:
    return request.session.session_key is not None
