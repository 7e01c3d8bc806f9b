"""Error page for a database that is temporarily unavailable."""

from http import HTTPStatus

from django.http import HttpResponse
from django.template.loader import render_to_string

from core.db.errors import DATABASE_RETRY_AFTER_S, has_timed_out
from picard.config.log_config import request_id


def render_unavailable(error: BaseException | None) -> HttpResponse:
    """Render the 503 page. Without the request, because its session is in the database."""
    return HttpResponse(
        render_to_string("503.html", {"request_id": request_id.get(), "has_timed_out": has_timed_out(error)}),
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": str(DATABASE_RETRY_AFTER_S), "Cache-Control": "no-store"},
    )
