"""/.well-known/security.txt (RFC 9116): the operator's contact for vulnerability reports."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

VALIDITY = timedelta(days=180)  # RFC 9116 2.5.5: less than a year


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    if not settings.SECURITY_CONTACT:
        raise Http404
    expires = (datetime.now(UTC) + VALIDITY).replace(hour=0, minute=0, second=0, microsecond=0)
    fields = {
        "Contact": settings.SECURITY_CONTACT,
        "Expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Preferred-Languages": "en",
        "Canonical": f"{settings.PUBLIC_URL}/.well-known/security.txt",
    }
    body = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return HttpResponse(body, content_type="text/plain; charset=utf-8")
