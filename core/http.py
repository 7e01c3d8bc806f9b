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


def is_browser(request: HttpRequest) -> bool:
    """Return whether the request asks for a page. Browsers name text/html, programs accept anything or JSON."""
    return "text/html" in request.headers.get("Accept", "").lower()


def leave_site(request: HttpRequest, location: str, template: str, context: dict[str, Any]) -> HttpResponse:
    """Go to another site after a form: browsers by a page with a `meta` refresh, programs by a redirect.

    A redirect would be part of the form's submission, to which browsers apply form-action, even to redirects of the
    other site. A navigation of this page is not, and always a GET (decision 0023).
    """
    if not is_browser(request):
        # RFC 9700 4.12: 303, so that the form is not posted to the other site.
        return HttpResponse(status=303, headers={"Location": location})
    response = render(request, template, {"location": location, **context})
    response["Referrer-Policy"] = "no-referrer"
    return response


def build_cookie_options() -> dict[str, Any]:
    """Return how every cookie of the site is set: unreadable for scripts, and not sent with requests of other sites."""
    return {"secure": settings.SESSION_COOKIE_SECURE, "httponly": True, "samesite": "Lax"}
