"""Middleware for the person of a session: the rows of the database, time zone and language, and their work budget."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, tzinfo
from typing import cast

from django.contrib.auth import get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from accounts.rate_limits import RateLimitExceeded
from accounts.sessions.backend import SessionStore
from accounts.sessions.stored_sessions import offering_user
from accounts.work_budget import Share, require_budget
from core.db.principal import NOBODY, Principal, acting_as, get_principal, keep_principal
from core.http import render_rate_limited
from core.web.page_language import choose_language, keep_language
from core.work_meter import start_meter

ACCOUNT_PATHS = ("/accounts/", "/oauth/", "/device/")  # where apps are disconnected, and sessions ended
API_PATH = "/api/"  # has a response of its own (memories/api/throttles.py)


class SessionUserMiddleware(AuthenticationMiddleware):
    """Django's, but the user is read with their session. Django checks the session's hash as always."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _get_user(request))  # type: ignore[assignment]


def _get_user(request: HttpRequest) -> User | AnonymousUser:
    if not hasattr(request, "_cached_user"):
        session = cast(SessionStore, request.session)
        person = session.take_listed_user() if session.session_key is not None else None
        with offering_user(person):
            request._cached_user = get_user(request)  # type: ignore[attr-defined]
    return request._cached_user  # type: ignore[attr-defined,no-any-return]


class PersonMiddleware:
    """Nobody acts in the database before this, nor without a session, until a channel has accepted a token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Loading the user costs a query, so do it only if there is a session.
        user = request.user if _has_session(request) else None
        principal: Principal = NOBODY
        zone: tzinfo = UTC
        language = ""
        if isinstance(user, User):
            principal, zone, language = Principal(user.pk), user.zone, user.page_language
        language = choose_language(request, language)
        with acting_as(principal), timezone.override(zone), translation.override(language):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                kept = keep_principal(get_principal(), response.streaming_content)  # type: ignore[arg-type]
                response.streaming_content = keep_language(language, kept)
        return response


class WorkBudgetMiddleware:
    """Measures each request's work, and rejects pages of users who have used up their budget of it.

    Whom to charge is known here for a session; oauth.access.request_actor says it for an app. A page whose view raises
    RateLimitExceeded gets the same response.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
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

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, RateLimitExceeded):
            return render_rate_limited(request, exception.retry_after_s)
        return None


def _require_budget_of_session(request: HttpRequest) -> None:
    if request.path.startswith(API_PATH) or not _has_session(request) or not request.user.is_authenticated:
        return
    is_account = request.path.startswith(ACCOUNT_PATHS)
    require_budget(request.user.pk, Share.ACCOUNT if is_account else Share.PAGES)


def _has_session(request: HttpRequest) -> bool:
    return request.session.session_key is not None
