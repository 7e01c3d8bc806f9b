"""Adapter that runs a WSGI application in one call: builds the environ and buffers the response."""

import functools
import io
import json
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any

from django.utils.html import escape
from django.utils.translation import get_language_info

from core.cors import ANY_ORIGIN
from core.deferred_responses import AccessEnded

Scope = dict[str, Any]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

DEFERRED_KEY = "picard.later"  # environ key of a list to which a view may append a deferred body
SPOOL_BYTES = 1_000_000  # larger bodies are spooled to an unlinked temporary file (0600)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WsgiResponse:
    """A complete response with its body rewound, or one with a deferred body (core/deferred_responses.py)."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: IO[bytes]
    length: int
    stream: Callable[[], AsyncIterator[bytes]] | None = None


def build_environ(scope: Scope, body: IO[bytes], length: int) -> dict[str, object]:
    """Return the PEP 3333 environ of an ASGI request."""
    server = scope.get("server") or ("localhost", 80)
    root = scope.get("root_path", "")
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": _as_latin1(root),
        "PATH_INFO": _as_latin1(scope["path"].removeprefix(root)),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        DEFERRED_KEY: [],
    }
    for name, value in scope["headers"]:
        if key := _get_environ_name(name):
            text = value.decode("latin-1")
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    environ["CONTENT_LENGTH"] = str(length)  # the received length, also of chunked bodies
    return environ


def _as_latin1(path: str) -> str:
    """Return the bytes of the path as one character each (PEP 3333)."""
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


@functools.lru_cache(maxsize=1024)
def _get_environ_name(header: bytes) -> str | None:
    """Return None for names with underscores, which could spoof another header (X_Forwarded_For)."""
    if b"_" in header:
        return None
    name = header.decode("latin-1").upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


@dataclass
class _ResponseBuffer:
    """What a WSGI application passes to start_response and write."""

    body: IO[bytes]
    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], _exc_info: object = None
    ) -> Callable[[bytes], Any]:
        self.status, self.headers = status, headers
        return self.body.write


def run_application(application: WsgiApplication, environ: dict[str, Any]) -> WsgiResponse:
    """Run a WSGI application to completion; any exception becomes a 500."""
    body = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the response owns it
    response = _ResponseBuffer(body)
    try:
        chunks = application(environ, response.start_response)
        try:
            for chunk in chunks:
                body.write(chunk)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()  # sends Django's request_finished
        return _build_response(response, *environ.get(DEFERRED_KEY, ()))
    except AccessEnded:
        body.close()
        return build_problem(HTTPStatus.FORBIDDEN, "Access ended while the response was created.", {})
    except BaseException:
        # SystemExit too: in a future it would stop the server.
        logger.exception("The application failed.")
        body.close()
        return build_problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error.", {})


def _build_response(
    response: _ResponseBuffer, stream: Callable[[], AsyncIterator[bytes]] | None = None
) -> WsgiResponse:
    status = int(response.status.split(" ", 1)[0])
    length = response.body.tell()
    response.body.seek(0)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if stream is not None:
        headers = [(name, value) for name, value in headers if name != b"content-length"]
    elif status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) and not any(
        name == b"content-length" for name, _ in headers
    ):
        headers.append((b"content-length", str(length).encode()))
    return WsgiResponse(status, headers, response.body, length, stream)


def build_problem(status: HTTPStatus, detail: str, headers: dict[str, str]) -> WsgiResponse:
    """Return a problem response (RFC 9457)."""
    content = json.dumps({"title": status.phrase, "status": status, "detail": detail})
    # Any origin, for apps in web pages; the content is the same for everybody.
    return _build_message(
        status, content, {"Content-Type": "application/problem+json", **ANY_ORIGIN, **headers}
    )


def build_error_page(
    status: HTTPStatus, language: str, headline: str, text: str, headers: dict[str, str]
) -> WsgiResponse:
    """Return a page, for a form that a browser sent without a script."""
    direction = "rtl" if get_language_info(language)["bidi"] else "ltr"
    content = (
        f'<!DOCTYPE html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(headline)}</title></head><body><main><h1>{escape(headline)}</h1>"
        f"<p>{escape(text)}</p></main></body></html>"
    )
    headers = {"Content-Language": language, **headers}
    policy = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'"}
    return _build_message(status, content, {**policy, **headers})


def _build_message(status: HTTPStatus, text: str, headers: dict[str, str]) -> WsgiResponse:
    content = text.encode()
    headers = {"Content-Length": str(len(content)), "Cache-Control": "no-store", **headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return WsgiResponse(status, encoded, io.BytesIO(content), len(content))
