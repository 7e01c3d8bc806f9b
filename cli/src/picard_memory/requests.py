"""Parts of requests."""

from __future__ import annotations

import contextlib
import enum
import platform
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

import httpx

from picard_memory.errors import ConfigurationError
from picard_memory.version import VERSION

BULK_SIZE = 100


class Unset(enum.Enum):
    """The type of UNSET, for arguments for which None means something."""

    UNSET = enum.auto()


UNSET = Unset.UNSET


class _Operation(TypedDict):
    op: Literal["create", "update", "trash"]


class BulkOperation(_Operation, total=False):
    """For `change_many`: `create` takes the fields of a memory, `update` its ID and changes, `trash` its ID."""

    id: str
    expected_version: int
    text: str
    visibility: str
    tags: list[str]
    expires_at: str | None
    supersedes: str | None


@contextlib.contextmanager
def check_connection_settings() -> Iterator[None]:
    """Raise ConfigurationError if httpx refuses the proxy or the certificates of the environment."""
    try:
        yield
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise ConfigurationError(
            f"Invalid proxy or certificates (see the variables ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, SSL_CERT_FILE, "
            f"SSL_CERT_DIR): {error}"
        ) from None


def build_headers() -> dict[str, str]:
    """Return the headers of all requests."""
    return {
        "User-Agent": f"picard-memory/{VERSION} Python/{platform.python_version()}",
        "Accept": "application/json",
    }


def drop_unset(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not UNSET}


def build_filters(**values: Any) -> dict[str, Any]:
    """Return the filters that are given, with times as RFC 3339."""
    return {
        name: format_time(value) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None and value != []
    }


def format_time(value: datetime) -> str:
    """Return a time as RFC 3339. Raises ValueError without time zone."""
    if value.tzinfo is None:
        raise ValueError("The time has no time zone: use an aware datetime.")
    return value.isoformat()


def split_chunks(operations: Iterable[BulkOperation]) -> Iterator[list[BulkOperation]]:
    """Yield the operations in lists that one request may have."""
    chunk: list[BulkOperation] = []
    for operation in operations:
        chunk.append(operation)
        if len(chunk) == BULK_SIZE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def is_id(value: str) -> bool:
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def fold_tag(name: str) -> str:
    """Return the name as tags are compared: without case and surrounding white space."""
    return unicodedata.normalize("NFC", name.strip()).casefold()
