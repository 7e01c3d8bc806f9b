"""One operation of the API as it is described, and the headers that several of them take."""

from dataclasses import dataclass, field
from typing import Any

from drf_spectacular.utils import OpenApiParameter

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description='The ETag that was seen, as in `"3"`. Another one: 412.',
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]([ -~]*[!-~])?$"},
    OpenApiParameter.HEADER,
    description="The same key with the same request is answered the same for 24 hours, and acts once.",
)


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    tag: str
    summary: str
    answer: Any = None
    example: object = None
    scope: str | None = None
    description: str = ""
    status: int = 200
    body: Any = None
    body_example: object = None
    query: Any = None
    statuses: tuple[int, ...] = ()
    headers: tuple[OpenApiParameter, ...] = ()
    answer_headers: tuple[str, ...] = field(default=())
    media_type: str = "application/json"  # of the body
    files: tuple[str, ...] = ()  # media types of an answer that is a file
    may_need_approval: bool = False
    alternate_status: int | None = None  # the other status of the same answer
