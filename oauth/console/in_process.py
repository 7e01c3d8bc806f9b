"""Requests to this server's own endpoints, answered in this process, and their display without secrets."""

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

from core.db.principal import NOBODY, acting_as
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
    """A request, as a curl command, and its response; both without secrets."""

    curl: str
    status: str
    is_good: bool
    headers: Sequence[tuple[str, str]]
    body: str


def call_endpoint(
    request: HttpRequest, method: str, address: str, body: bytes, content_type: str, authorization: str = ""
) -> HttpResponse:
    """Call an endpoint anonymously, without the developer's session."""
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
    call, match = WSGIRequest(environ), resolve(path)
    call.user, call.resolver_match = AnonymousUser(), match
    with acting_as(NOBODY):
        response: Any = match.func(call, *match.args, **match.kwargs)
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
        body = json.loads(content)
    except ValueError:
        return ""
    return json.dumps(_mask_tokens(body), indent=2, ensure_ascii=False)


def _mask_tokens(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask_tokens(each) for name, each in value.items()}
    if isinstance(value, str):
        return next(
            (f"{prefix}…" for prefix in (ACCESS_PREFIX, REFRESH_PREFIX) if value.startswith(prefix)), value
        )
    return [_mask_tokens(each) for each in value] if isinstance(value, list) else value
