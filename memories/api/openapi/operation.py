"""The OpenAPI description of one operation, and the request headers that several operations share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drf_spectacular.utils import OpenApiParameter

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description='The ETag of the version you read, such as `"3"`. Fails with 412 if it is not current.',
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the response that you have. If nothing has changed since, the response is 304.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]([ -~]*[!-~])?$"},
    OpenApiParameter.HEADER,
    description="A repeated request with the same key returns the first response for 24 hours and acts only once.",
)


@dataclass(frozen=True)
class File:
    """A response of one media type that is a file."""

    schema: Any
    example: object


@dataclass(frozen=True)
class Operation:
    """One HTTP method of one path."""

    method: str
    tag: str
    summary: str
    response: Any = None
    example: object = None
    scope: str | None = None
    description: str = ""
    status: int = 200
    body: Any = None
    body_example: object = None
    query: Any = None
    statuses: tuple[int, ...] = ()
    headers: tuple[OpenApiParameter, ...] = ()
    response_headers: tuple[str, ...] = field(default=())
    media_type: str = "application/json"  # of the request body
    files: Mapping[str, File] = field(default_factory=dict)  # by media type, if the response is a file
    may_need_approval: bool = False
    alternate_status: int | None = None  # a second success status with the same body
