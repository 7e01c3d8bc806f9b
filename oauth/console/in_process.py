"""A request to this server's own endpoints, answered in this process, and what may be shown of both."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from oauth.tokens.families import ACCESS_PREFIX, REFRESH_PREFIX

SHOWN_CHARACTERS = 4_000
SHOWN_HEADERS = ("Content-Type", "ETag", "Location", "Retry-After", "WWW-Authenticate")
FORWARDED_META = (
    "REMOTE_ADDR",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_HOST",
    "SERVER_NAME",
    "SERVER_PORT",
    "wsgi.url_scheme",
)


@dataclass(frozen=True)
class Exchange:
    """A request, as a line of curl, and its answer; both without anything secret."""

    curl: str
    status: str
    is_good: bool
    headers: Sequence[tuple[str, str]]
    body: str


def call_endpoint(
    request: HttpRequest, method: str, address: str, body: bytes, content_type: str, authorization: str = ""
) -> HttpResponse:
    """Called as a stranger would call: without the developer's session."""
    path, _mark, query = address.partition("?")
    environ = {name: request.META[name] for name in FORWARDED_META if name in request.META}
    environ |= {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    environ |= {
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    if authorization:
        environ["HTTP_AUTHORIZATION"] = authorization
    asked, found = WSGIRequest(environ), resolve(path)
    asked.user, asked.resolver_match = AnonymousUser(), found
    response: Any = found.func(asked, *found.args, **found.kwargs)
    return response.render() if hasattr(response, "render") else response  # type: ignore[no-any-return]


def build_exchange(curl: str, response: HttpResponse) -> Exchange:
    status = response.status_code
    return Exchange(
        curl,
        f"{status} {HTTPStatus(status).phrase}",
        status < 400,
        [(name, response[name]) for name in SHOWN_HEADERS if name in response],
        _format_body(response.content)[:SHOWN_CHARACTERS],
    )


def _format_body(content: bytes) -> str:
    try:
        said = json.loads(content)
    except ValueError:
        return ""
    return json.dumps(_mask_tokens(said), indent=2, ensure_ascii=False)


def _mask_tokens(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _mask_tokens(value) for name, value in said.items()}
    if isinstance(said, str):
        return next((f"{mark}…" for mark in (ACCESS_PREFIX, REFRESH_PREFIX) if said.startswith(mark)), said)
    return [_mask_tokens(each) for each in said] if isinstance(said, list) else said
