"""The headers by which a client says when, and how often, something shall be done: If-Match and Idempotency-Key."""

import re
from collections.abc import Callable
from typing import cast

import orjson
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import Actor
from memories.api.errors import Misplaced
from memories.api.parsers import canonical, dumps
from memories.api.representations import waiting_json
from memories.errors import WaitsForYes
from memories.services import idempotency

KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
NO_VERSION = 0  # of no memory: they count from 1


def expected_version(request: Request) -> int | None:
    """What If-Match names; None for any version. A tag that none of our answers had is the version of no memory."""
    given = request.headers.get("If-Match", "*").strip()
    if given == "*":
        return None
    if "," in given:
        raise _refusal("If-Match", "Name one version.")
    strong = re.fullmatch(r'"([1-9][0-9]{0,9})"', given)  # RFC 9110 13.1.1: a weak tag never matches
    return int(strong[1]) if strong else NO_VERSION


def once(request: Request, act: Callable[[], Response]) -> Response:
    """What `act` answers; with an Idempotency-Key what it answered to this key first."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return saved_or_waiting(act)
    if not KEY.fullmatch(key):
        raise _refusal("Idempotency-Key", "Send 1 to 255 printable ASCII characters.")
    asked = f"{request.method} {request.get_full_path()}\n".encode() + canonical(request.data)
    actor = cast(Actor, request.auth)
    answer, is_replay = idempotency.once(actor, key, asked, lambda: _kept(saved_or_waiting(act)))
    return _given(answer, is_replay)


def saved_or_waiting(act: Callable[[], Response]) -> Response:
    """What `act` answers; 202 where what it would save waits for the person's yes."""
    try:
        return act()
    except WaitsForYes as waiting:
        return Response(waiting_json(waiting), status=202)


def _kept(response: Response) -> str:
    headers = {name: response[name] for name in ("ETag", "Location") if name in response}
    return dumps([response.status_code, headers, orjson.Fragment(dumps(response.data))]).decode()


def _given(answer: str, is_replay: bool) -> Response:
    status, headers, data = orjson.loads(answer)
    if is_replay:
        headers["Idempotency-Replayed"] = "true"
    return Response(data, status=status, headers=headers)


def _refusal(header: str, why: str) -> Misplaced:
    return Misplaced("header:", {header: [ErrorDetail(why, code="invalid_header")]})
