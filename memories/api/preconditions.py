"""Handle the If-Match, If-None-Match and Idempotency-Key headers."""

import re
from collections.abc import Callable
from typing import cast

import orjson
from django.utils.http import parse_etags
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import Actor
from memories.api.errors import ParameterError
from memories.api.parsers import dump_canonical_json, dump_json
from memories.api.representations import serialize_approval_required
from memories.errors import ApprovalRequired
from memories.services import idempotency

KEY_PATTERN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
NO_VERSION = 0  # matches no memory: versions start at 1


def parse_if_match(request: Request) -> int | None:
    """Return the version in If-Match, None for any version, or NO_VERSION for an ETag that we never sent."""
    value = request.headers.get("If-Match", "*").strip()
    if value == "*":
        return None
    if "," in value:
        raise _build_header_error("If-Match", "Send exactly one ETag.")
    strong = re.fullmatch(r'"([1-9][0-9]{0,9})"', value)  # a weak ETag never matches (RFC 9110, 13.1.1)
    return int(strong[1]) if strong else NO_VERSION


def respond_unless_unchanged(request: Request, etag: str, data: object) -> Response:
    """Respond with the data, or with 304 if the client has it (RFC 9110, 13.1.2: weak comparison)."""
    given = parse_etags(request.headers.get("If-None-Match", ""))
    is_known = "*" in given or etag in {each.removeprefix("W/") for each in given}
    return Response(None if is_known else data, status=304 if is_known else 200, headers={"ETag": etag})


def respond_idempotently(request: Request, act: Callable[[], Response]) -> Response:
    """Run `act`, or with a known Idempotency-Key return the response to its first request."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return respond_or_require_approval(act)
    if not KEY_PATTERN.fullmatch(key):
        raise _build_header_error("Idempotency-Key", "Must have 1 to 255 printable ASCII characters.")
    fingerprint = f"{request.method} {request.get_full_path()}\n".encode() + dump_canonical_json(request.data)
    actor = cast(Actor, request.auth)
    answer, is_replay = idempotency.run_once(
        actor, key, fingerprint, lambda: _dump_response(respond_or_require_approval(act))
    )
    return _load_response(answer, is_replay)


def respond_or_require_approval(act: Callable[[], Response]) -> Response:
    """Run `act`; respond with 202 if its change needs the user's approval."""
    try:
        return act()
    except ApprovalRequired as error:
        return Response(serialize_approval_required(error), status=202)


def _dump_response(response: Response) -> str:
    headers = {name: response[name] for name in ("ETag", "Location") if name in response}
    return dump_json([response.status_code, headers, orjson.Fragment(dump_json(response.data))]).decode()


def _load_response(answer: str, is_replay: bool) -> Response:
    status, headers, data = orjson.loads(answer)
    if is_replay:
        headers["Idempotency-Replayed"] = "true"
    return Response(data, status=status, headers=headers)


def _build_header_error(header: str, message: str) -> ParameterError:
    return ParameterError("header:", {header: [ErrorDetail(message, code="invalid_header")]})
