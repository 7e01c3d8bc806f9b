"""What to say when the database cannot serve just now: it starts or stops, its disk is full, a connection broke."""

from http import HTTPStatus

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.template.loader import render_to_string

from picard.config.log_config import request_id

RETRY_AFTER_S = 5


def is_database_away(error: BaseException | None) -> bool:
    """Whether the same request may pass later, though nothing of it is changed."""
    return isinstance(error, OperationalError | InterfaceError | psycopg.OperationalError)


def unavailable() -> HttpResponse:
    """503 with words. Without the request: its session lies in the database."""
    return HttpResponse(
        render_to_string("503.html", {"request_id": request_id.get()}),
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"},
    )
