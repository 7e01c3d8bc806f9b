"""HTTP responses that pages of every package answer with."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_rate_limited(request: HttpRequest, retry_after_s: int) -> HttpResponse:
    """Return the page "too many requests" (RFC 6585, section 4)."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(retry_after_s)
    return response
