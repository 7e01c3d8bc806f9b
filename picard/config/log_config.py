"""Logs: one JSON object per line, without users' texts, tokens or query strings."""

import datetime
import itertools
import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest

request_id: ContextVar[str] = ContextVar("request_id", default="")

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MAX_CAUSES = 4  # of an exception's chain
# Path parameters that grant access: links in e-mails, invitations.
SECRET_PARTS = ("key", "token", "uidb36", "code", "secret")
_QUERY = re.compile(r"(?<=\S)\?[^\s\"']+")


def logging_settings(level: str) -> dict[str, object]:
    """Return Django's LOGGING: records from `level` up go to stderr, one JSON object per line.

    An invalid level is replaced by INFO here; picard/config/checks.py then stops the start.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level if level in LEVELS else "INFO"},
        "loggers": {
            # Rejected requests have their own log line; Django's warning would show secrets in some paths.
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "httpx": {"level": "WARNING"},  # INFO lines contain request URLs
            "httpx2": {"level": "WARNING"},
            "fido2": {"level": "WARNING"},  # one line per log-in, with the passkey's ID
            "mcp": {
                "level": "ERROR"
            },  # three lines per request, and warnings that quote headers and addresses
        },
    }


class JsonFormatter(logging.Formatter):
    """Fields: time (UTC), level, logger, message; if present, request_id, exception and traceback.

    Further fields of a record are passed as `extra={"fields": {...}}`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": _get_message(record),
        }
        if current := request_id.get():
            line["request_id"] = current
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line |= _describe_error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def _get_message(record: logging.LogRecord) -> str:
    """Redact the path, which Django quotes in messages of records that have a request."""
    message = strip_query_strings(record.getMessage())
    request: Any = getattr(record, "request", None)
    return message.replace(request.path, redact_path(request)) if hasattr(request, "path") else message


def redact_path(request: "HttpRequest") -> str:
    """Return the path without its query string and with secret parameters replaced by their names."""
    path, kwargs = request.path, _get_path_kwargs(request)
    for name in SECRET_PARTS:
        if name in kwargs:
            path = path.replace(str(kwargs[name]), f"<{name}>")
    return path


def _get_path_kwargs(request: "HttpRequest") -> dict[str, object]:
    """Return the path parameters, also of a request that was redirected before it was resolved."""
    from django.urls import Resolver404, resolve

    if request.resolver_match is not None:
        return request.resolver_match.kwargs
    for path in (request.path_info, f"{request.path_info}/"):
        with suppress(Resolver404):
            return resolve(path).kwargs
    return {}


def strip_query_strings(text: str) -> str:
    """Remove the query strings of paths and URLs in `text`."""
    return _QUERY.sub("", text)


def _describe_error(error: BaseException) -> dict[str, object]:
    """Return exception types and traceback locations, but no messages: they may quote a row or a value."""
    chain = list(itertools.islice(_iter_causes(error), MAX_CAUSES))
    return {
        "exception": " from ".join(_get_type_name(each) for each in chain),
        "traceback": [line for each in chain for line in _format_frames(each.__traceback__)],
    }


def _iter_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _get_type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _format_frames(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
