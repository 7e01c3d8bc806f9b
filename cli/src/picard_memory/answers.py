"""From HTTP responses to values or errors, and when to repeat a request."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from time import monotonic

import httpx

from picard_memory.errors import (
    ApiError,
    ConflictError,
    FieldError,
    InvalidRequestError,
    NoAccessError,
    NotFoundError,
    PicardError,
    RateLimitError,
    ServerError,
    UnexpectedAnswerError,
    UnreachableError,
)

MAX_ATTEMPTS = 4
FIRST_WAIT_S = 0.5  # before the second attempt, if the server does not say; doubles with each attempt
REPEATED_STATUSES = {429, 503}  # nothing was done: the server refused the request, or its transaction failed
GATEWAY_STATUSES = {502, 504}  # from a proxy: the server may have done it
URL_TOO_LONG = 414
KEY_IN_FLIGHT = "key_in_flight"  # an earlier attempt with this Idempotency-Key is still running
PROBLEM_MEDIA_TYPE = "application/problem+json"
ERROR_OF_STATUS: dict[int, type[ApiError]] = {
    401: NoAccessError,
    403: NoAccessError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    429: RateLimitError,
}


class Retry:
    """Decides after each attempt of one request whether to repeat it, and when.

    is_repeatable: whether a request that may have been executed can be sent again without harm.
    max_wait_s: how long after the first attempt the last one may start; a server that asks for more gets no further
    attempt. The time of attempts without answer counts, so that a server that hangs is not asked for minutes.
    """

    def __init__(self, *, is_repeatable: bool, max_wait_s: float) -> None:
        self.is_repeatable = is_repeatable
        self.attempts = 0
        self.waited_s = 0.0
        self._max_wait_s = max_wait_s
        self._started_s = monotonic()

    def get_wait_after_failure(self, error: httpx.TransportError) -> float | None:
        """Return the seconds until the next attempt after a request without response, None to give up."""
        was_never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
        return self._get_wait(None) if was_never_sent or self.is_repeatable else None

    def get_wait_after_response(self, response: httpx.Response) -> float | None:
        """Return the seconds until the next attempt, None if this response is the last."""
        status = response.status_code
        if (
            status in REPEATED_STATUSES
            or (status in GATEWAY_STATUSES and self.is_repeatable)
            or (status == 409 and _read_problem(response).get("code") == KEY_IN_FLIGHT)
        ):
            return self._get_wait(_parse_retry_after(response))
        return None

    def _get_wait(self, retry_after_s: float | None) -> float | None:
        self.attempts += 1
        if self.attempts >= MAX_ATTEMPTS:
            return None
        backoff_s = FIRST_WAIT_S * 2 ** (self.attempts - 1)
        wait_s = backoff_s if retry_after_s is None else max(retry_after_s, FIRST_WAIT_S)
        wait_s *= 1 + random.random() / 4  # noqa: S311 - clients that were refused together return apart
        passed_s = max(self.waited_s, monotonic() - self._started_s)
        if passed_s + wait_s > self._max_wait_s:
            return None
        self.waited_s += wait_s
        return wait_s


def describe_failure(error: httpx.TransportError, url: str) -> UnreachableError:
    """Return the error for a request without response."""
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(f"{url} did not answer in time.")
    return UnreachableError(f"{url} cannot be reached: {error or type(error).__name__}.")


def check_response(response: httpx.Response) -> None:
    """Raise the error that the response describes, if it is one."""
    if response.is_success or response.status_code == 304:
        return
    if response.is_redirect:
        target = response.headers.get("Location", "")
        raise UnexpectedAnswerError(f"The server redirects to {target}. Use the URL that it redirects to.")
    raise build_error(response)


def build_error(response: httpx.Response) -> PicardError:
    """Return the error for a response with an error status."""
    problem = _read_problem(response)
    status = response.status_code
    if status == URL_TOO_LONG:  # from the web server, before Picard sees it
        return InvalidRequestError(
            "The query is too long for a URL: shorten it.", status=status, code="query_too_long"
        )
    if not problem and status not in (429, 502, 503, 504):
        return UnexpectedAnswerError(
            f"The server returned status {status}, and not as Picard does. Is this the URL of a Picard server?"
        )
    errors = tuple(
        FieldError(str(each.get("pointer", "")), str(each.get("code", "")), str(each.get("detail", "")))
        for each in _read_list(problem, "errors")
        if isinstance(each, Mapping)
    )
    default = ServerError if status >= 500 else InvalidRequestError
    described = str(problem.get("detail") or f"The server returned status {status}.")
    detail = " ".join(map(_describe_field, errors)) or described
    return ERROR_OF_STATUS.get(status, default)(
        detail,
        status=status,
        code=str(problem.get("code") or f"http_{status}"),
        errors=errors,
        request_id=response.headers.get("X-Request-ID"),
        retry_after=_parse_retry_after(response),
    )


def read_json(response: httpx.Response) -> object:
    """Return the JSON of a response. Raises UnexpectedAnswerError."""
    try:
        return response.json()
    except ValueError:
        raise UnexpectedAnswerError(
            "The response is not JSON. Is this the URL of a Picard server, or did a proxy answer?"
        ) from None


def _describe_field(error: FieldError) -> str:
    name = error.pointer.removeprefix("#/").removeprefix("#")
    return f"{name}: {error.detail}" if name else error.detail


def _read_problem(response: httpx.Response) -> Mapping[str, object]:
    if response.headers.get("Content-Type", "").partition(";")[0] != PROBLEM_MEDIA_TYPE:
        return {}
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _read_list(problem: Mapping[str, object], name: str) -> list[object]:
    value = problem.get(name)
    return value if isinstance(value, list) else []


def _parse_retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of Retry-After; a date, which Picard never sends, counts as not given."""
    try:
        return max(float(response.headers["Retry-After"]), 0.0)
    except (KeyError, ValueError):
        return None


def now() -> float:
    """Return the time by which tokens expire, in seconds since 1970."""
    return time.time()
