"""Errors of the SDK. Each has the exit code with which the command line ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    NO_ACCESS = 4
    UNREACHABLE = 5


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field. pointer: `#/text` in the body, `?limit` in the query string."""

    pointer: str
    code: str
    detail: str


class PicardError(Exception):
    """Base class of all errors of this package."""

    exit_code = ExitCode.ERROR


class ApiError(PicardError):
    """The server answered with an error.

    status: HTTP status; code: what programs should check (docs/api.md, Errors); errors: of single fields;
    request_id: identifies the request in the server's log; retry_after: seconds, where the server says so.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        code: str,
        errors: Sequence[FieldError] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after = retry_after


class InvalidRequestError(ApiError):
    """The request was invalid: `errors` says which fields are."""


class NotFoundError(ApiError):
    """Does not exist, or belongs to another user: the server does not say which."""

    exit_code = ExitCode.NOT_FOUND


class NoAccessError(ApiError):
    """The token is expired, revoked or paused, or the user did not grant the scope."""

    exit_code = ExitCode.NO_ACCESS


class ConflictError(ApiError):
    """The memory was changed in the meantime, or a memory with the same text exists."""


class RateLimitError(ApiError):
    """Too many requests: try again after `retry_after` seconds."""


class ServerError(ApiError):
    """The server failed or is unavailable."""


class NotLoggedInError(PicardError):
    """There is no token to send, or the stored one can no longer be renewed."""

    exit_code = ExitCode.NO_ACCESS


class UnknownTagError(PicardError):
    """No memory has a tag of this name."""

    exit_code = ExitCode.NOT_FOUND

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"No such tag: {', '.join(names)}.")
        self.names = tuple(names)


class ConfigurationError(PicardError):
    """A setting or a stored log-in is invalid."""

    exit_code = ExitCode.USAGE


class UnreachableError(PicardError):
    """No answer from the server: it is down, or the URL or the network is wrong."""

    exit_code = ExitCode.UNREACHABLE


class UnexpectedAnswerError(PicardError):
    """The response is not from Picard, but from another program, a proxy or a captive portal."""

    exit_code = ExitCode.UNREACHABLE
