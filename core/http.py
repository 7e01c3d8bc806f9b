"""HTTP responses shared by all packages, and how their cookies are set."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_rate_limited(request: HttpRequest, retry_after_s: int) -> HttpResponse:
    """Return the page "too many requests" (RFC 6585, section 4)."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(retry_after_s)
    return response


def build_cookie_options() -> dict[str, Any]:
    """Return how every cookie of the site is set: unreadable for scripts, and not sent with requests of other sites."""
    return {"secure": settings.SESSION_COOKIE_SECURE, "httponly": True, "samesite": "Lax"}
