"""Map all errors (domain, framework, database) to the problem details of RFC 9457."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from accounts.actor import Channel, InsufficientScope
from accounts.fields import DecryptError
from accounts.rate_limits import RateLimitExceeded
from core.db.errors import DATABASE_RETRY_AFTER_S, describe_unavailability, is_database_unavailable
from memories.errors import (
    ChatConsentRequired,
    DuplicateMemory,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    ImportInProgress,
    ImportNotFound,
    InvalidModelOutput,
    MemoryNotFound,
    PersonaNotFound,
    TagNotFound,
    VersionConflict,
)
from memories.providers.chat_api.errors import ChatUnavailable
from oauth.access.grants import AppNotFound
from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.tokens.bearer import build_www_authenticate

MEDIA_TYPE = "application/problem+json"
INVALID_DETAIL = "The request is invalid. See errors for details."
IN_PROGRESS_RETRY_AFTER_S = 1
MODEL_RETRY_AFTER_S = 15

logger = logging.getLogger(__name__)

# Our codes, where those of Django REST framework are less specific.
CODE_OF_STATUS = {
    400: "invalid",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}
PRESERVED_CODES = {"malformed", "null_character", "too_deep", "csrf_failed", "invalid_token"}


NOT_FOUND_ERRORS = (MemoryNotFound, TagNotFound, PersonaNotFound, AppNotFound, ImportNotFound, Http404)
CHAT_ERRORS = (ChatConsentRequired, InvalidModelOutput, ChatUnavailable)


class ParameterError(exceptions.ValidationError):
    """An error outside the body; `place` is "?" for the query string and "header:" for a header."""

    def __init__(self, place: str, detail: Any) -> None:
        super().__init__(detail)
        self.place = place


@dataclass(frozen=True)
class Problem:
    """An error response: `code` is for programs, `detail` for people."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)  # extension members (RFC 9457, 3.2)

    def as_json(self) -> dict[str, object]:
        """Return the members that do not depend on the request."""
        return {
            "type": f"urn:picard:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "errors": self.errors,
            **self.extensions,
        }


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Build the response for an exception (Django REST framework's EXCEPTION_HANDLER)."""
    problem = build_problem(error)
    http_request = context["request"]._request
    if isinstance(error, InsufficientScope) and problem.code == "insufficient_scope":
        client_errors.record_client_error(context["request"].auth.client_id, ErrorKind.SCOPE_MISSING)
        problem.headers["WWW-Authenticate"] = build_www_authenticate(
            Channel.API, http_request, error=problem.code, description=problem.detail, scope=error.scope
        )
    request_id = getattr(http_request, "request_id", "")
    # The request ID, not the URL: a 404 must not differ between URLs.
    body = {**problem.as_json(), "instance": f"urn:picard:request:{request_id}", "request_id": request_id}
    return Response(body, status=problem.status, headers=problem.headers, content_type=MEDIA_TYPE)


def build_problem(error: Exception) -> Problem:
    """Return the problem for an error; log an unexpected one and report it as a server error."""
    if isinstance(error, NOT_FOUND_ERRORS):
        # 404, not 403: whether another user has such a memory is private too.
        return Problem(404, "not_found", "Not found.")
    if isinstance(error, ValidationError):
        return Problem(400, "invalid", INVALID_DETAIL, list(_iter_domain_errors(error)))
    if isinstance(error, InsufficientScope):
        return _build_scope_problem(error)
    if isinstance(error, VersionConflict):
        return Problem(
            412,
            "version_conflict",
            f"The memory was changed in the meantime. Its current version is {error.current}.",
            headers={"ETag": f'"{error.current}"'},
        )
    if isinstance(error, DuplicateMemory):
        return Problem(409, "duplicate", str(error), extensions={"duplicate_of": error.memory.pk})
    if isinstance(error, CHAT_ERRORS):
        return _build_chat_problem(error)
    if isinstance(error, IdempotencyKeyInUse):
        return _build_retry_problem(
            409,
            "key_in_flight",
            "A request with this Idempotency-Key is in progress. Try again later.",
            IN_PROGRESS_RETRY_AFTER_S,
        )
    if isinstance(error, ImportInProgress):
        return Problem(
            409,
            "import_under_way",
            "Another import is in progress. Finish or undo it first.",
        )
    if isinstance(error, IdempotencyKeyReused):
        return Problem(
            422,
            "key_reused",
            "This Idempotency-Key was used for a different request or with different permissions.",
        )
    if isinstance(error, RateLimitExceeded):
        return _build_retry_problem(429, "rate_limited", str(error), error.retry_after_s)
    if isinstance(error, exceptions.APIException):
        return _build_framework_problem(error)
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "too_large", "The form is too large. Only its file may be large.")
    if isinstance(error, SuspiciousOperation):  # Django's limits on forms
        return Problem(400, "malformed", str(error))
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", "Permission denied.")
    return _build_server_problem(error)


def _build_scope_problem(error: InsufficientScope) -> Problem:
    if ":" not in error.scope:  # no scope grants it
        return Problem(403, "session_required", "This requires the user's own session.")
    return Problem(403, "insufficient_scope", str(error))


def _build_chat_problem(error: Exception) -> Problem:
    if isinstance(error, ChatConsentRequired):
        return Problem(403, "model_not_allowed", f"{error} They can allow it in their profile.")
    if isinstance(error, ChatUnavailable):
        wait_s = int(error.retry_after_s or MODEL_RETRY_AFTER_S)
        return _build_retry_problem(
            503, "model_unavailable", "The chat model is unavailable. Try again later.", wait_s
        )
    return _build_retry_problem(
        503, "model_not_understood", "The chat model returned an invalid response.", 1
    )


def _build_retry_problem(status: int, code: str, detail: str, retry_after_s: int) -> Problem:
    return Problem(status, code, detail, headers={"Retry-After": str(retry_after_s)})


def _build_server_problem(error: Exception) -> Problem:
    if is_database_unavailable(error):
        detail = f"{describe_unavailability(error)} Try again later."
        return _build_retry_problem(503, "unavailable", detail, DATABASE_RETRY_AFTER_S)
    logger.error("request failed", exc_info=error)
    if isinstance(error, DecryptError):
        return Problem(
            500, "unreadable", "The stored data cannot be decrypted: its key is missing, or it was modified."
        )
    return Problem(
        500, "server_error", "Internal server error. Find details in the server log by the request ID."
    )


def _build_framework_problem(error: exceptions.APIException) -> Problem:
    headers = {"WWW-Authenticate": error.auth_header} if hasattr(error, "auth_header") else {}
    status = error.status_code
    if isinstance(error, exceptions.ValidationError):
        errors = list(_iter_field_errors(error.detail, "#"))
        if isinstance(error, ParameterError):
            errors = [{**each, "pointer": each["pointer"].replace("#/", error.place, 1)} for each in errors]
        return Problem(400, "invalid", INVALID_DETAIL, errors)
    original = str(getattr(error.detail, "code", ""))
    code = original if original in PRESERVED_CODES else CODE_OF_STATUS.get(status, "invalid")
    return Problem(status, code, str(error.detail), headers=headers)


def _iter_domain_errors(error: ValidationError) -> Iterator[dict[str, str]]:
    if not hasattr(error, "error_dict"):
        error = ValidationError({"": error})
    for name, errors in error.error_dict.items():
        for each in errors:
            [detail] = each.messages
            yield _build_error_entry(
                f"#/{name}" if name and name != "__all__" else "#", each.code or "invalid", detail
            )


def _iter_field_errors(detail: object, pointer: str) -> Iterator[dict[str, str]]:
    """Yield the leaves of a serializer's errors, each with the JSON pointer (RFC 6901) of its field."""
    if isinstance(detail, dict):
        for name, nested in detail.items():
            child = pointer if name == "non_field_errors" else f"{pointer}/{_escape_pointer(str(name))}"
            yield from _iter_field_errors(nested, child)
    elif isinstance(detail, list):
        for index, nested in enumerate(detail):
            # A list of leaves is about one value, a list of dicts about its items.
            is_leaf = isinstance(nested, exceptions.ErrorDetail)
            yield from _iter_field_errors(nested, pointer if is_leaf else f"{pointer}/{index}")
    else:
        yield _build_error_entry(pointer, str(getattr(detail, "code", "invalid")), str(detail))


def _escape_pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _build_error_entry(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}
