"""Browsers in which a user has logged in before, by a signed cookie.

A log-in elsewhere is reported by e-mail. Wrong passwords from elsewhere never lock the user out of a known browser.
"""

import json
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac

from accounts.models import User
from core.http import build_cookie_options

COOKIE = "__Host-browser" if settings.SESSION_COOKIE_SECURE else "picard_browser"
SALT = "accounts.login.known_browsers"
VALID_S = 365 * 24 * 3_600
MAX_USERS = 8  # of one browser; the least recent is forgotten


def is_known(request: HttpRequest, person: User) -> bool:
    return _get_mark(person) in _read_marks(request)


def remember_browser(request: HttpRequest, response: HttpResponseBase, person: User) -> None:
    """Mark the browser as one that this user has logged in with. "End all other sessions" makes all unknown again."""
    mark = _get_mark(person)
    marks = [mark, *(other for other in _read_marks(request) if other != mark)][:MAX_USERS]
    response.set_signed_cookie(
        COOKIE,
        json.dumps(marks),
        salt=SALT,
        max_age=VALID_S,
        **build_cookie_options(),
    )


def _get_mark(person: User) -> str:
    """Return what the cookie holds for a user. It tells nobody else who that is."""
    return salted_hmac(SALT, f"{person.pk}:{person.sessions_era}", algorithm="sha256").hexdigest()[:32]


def _read_marks(request: HttpRequest) -> list[str]:
    marks: object = None
    with suppress(ValueError):
        cookie = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=VALID_S)
        marks = json.loads(cookie or "[]")
    return [mark for mark in marks if isinstance(mark, str)] if isinstance(marks, list) else []
