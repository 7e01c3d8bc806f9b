"""The front between the server and Django: bounds, threads, and a faithful WSGI request."""

import asyncio
import json
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.urls import path

from picard.server import gateway as front_module
from picard.server.gateway import Gateway
from picard.server.wsgi import LATER

MAX_BODY_BYTES = 3_000_000
Reply = tuple[int, dict[str, str], bytes]
seen: dict[str, Any] = {}


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
    """A WSGI application that does what its path says, and keeps what it was asked."""
    seen.clear()
    seen.update(environ)
    asked = environ["PATH_INFO"]
    if asked == "/fails":
        raise ValueError("on purpose")
    if asked == "/exits":
        raise SystemExit(3)
    if asked == "/slow":
        time.sleep(0.2)
    if asked == "/thread":
        seen["thread"] = threading.get_ident()
    body = environ["wsgi.input"]
    if asked == "/later":
        environ[LATER].append(_later)
    start("200 OK", [("X-Length", str(len(body.read())))])
    if asked == "/spooled":
        seen["mode"], seen["links"] = _mode_and_links(body.fileno())
    if asked == "/stream":
        return (b"%07d\n" % number for number in range(400_000))
    return iter([b"hello"])


may_come = asyncio.Event()


async def _later() -> AsyncIterator[bytes]:
    seen["later"] = seen.get("later", 0) + 1
    try:
        yield b"first "
        await may_come.wait()
        yield b"last"
    finally:
        seen["ended"] = True


async def native(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"native %d" % len(body)})


def test_a_plain_request_is_answered_by_the_wsgi_application() -> None:
    status, headers, body = _ask("GET", "/")
    assert (status, body, headers["content-length"]) == (200, b"hello", "5")


def test_the_environ_says_what_the_client_said() -> None:
    headers = [("Host", "h.example"), ("Cookie", "a=1"), ("Cookie", "b=2"), ("Accept", "x"), ("Accept", "y")]
    _ask("GET", "/erinnerung/ü", headers=headers, query=b"q=%C3%BC")
    assert seen["PATH_INFO"] == "/erinnerung/ü".encode().decode("latin-1")
    assert (seen["QUERY_STRING"], seen["REMOTE_ADDR"]) == ("q=%C3%BC", "192.0.2.7")
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("127.0.0.1", "8000")
    assert (seen["HTTP_COOKIE"], seen["HTTP_ACCEPT"]) == ("a=1; b=2", "x,y")


def test_header_names_with_underscores_are_dropped() -> None:
    _ask("GET", "/", headers=[("X_Forwarded_For", "6.6.6.6"), ("X-Real", "kept")])
    assert "HTTP_X_FORWARDED_FOR" not in seen
    assert seen["HTTP_X_REAL"] == "kept"


def test_a_body_without_announced_length_has_its_length() -> None:
    _, headers, _ = _ask("POST", "/", body=[b"abc", b"de"])
    assert (headers["x-length"], seen["CONTENT_LENGTH"]) == ("5", "5")


def test_a_large_body_lies_in_an_unlinked_private_file() -> None:
    _, headers, _ = _ask("POST", "/spooled", body=[b"x" * 60_000] * 40)
    assert headers["x-length"] == "2400000"
    assert (seen["mode"], seen["links"]) == (0o600, 0)


@pytest.mark.parametrize("path", ["/", "/mcp"])
def test_a_body_above_the_limit_is_refused_and_not_read_on(path: str) -> None:
    chunks = [b"x" * 1_000_000] * 6
    status, headers, body = _ask("POST", path, body=chunks)
    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["title"] == "Request Entity Too Large"
    assert len(chunks) == 2


def test_a_body_announced_above_the_limit_is_not_read_at_all() -> None:
    chunks = [b"x"]
    status, _, _ = _ask("POST", "/", headers=[("Content-Length", "3000001")], body=chunks)
    assert (status, len(chunks)) == (413, 1)


def test_native_paths_get_the_body_again() -> None:
    assert _ask("POST", "/mcp", body=[b"ab", b"c"])[2] == b"native 3"
    assert _ask("POST", "/mcp", body=[b"x" * 100_000] * 20)[2] == b"native 2000000"


def test_a_slow_body_holds_no_thread() -> None:
    async def scenario(front: Gateway) -> Reply:
        slow = [
            asyncio.create_task(_request(front, "POST", "/", body=[b"a", asyncio.Event()])) for _ in range(5)
        ]
        await asyncio.sleep(0)
        reply = await asyncio.wait_for(_request(front, "GET", "/"), 2)
        for task in slow:
            task.cancel()
        return reply

    assert _with_front(scenario, threads=1)[0] == 200


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "BODY_TIMEOUT_S", 0.05)
    assert _ask("POST", "/", body=[b"a", asyncio.Event()])[0] == 408


def test_a_request_whose_client_left_is_not_begun() -> None:
    seen.clear()
    assert _ask("POST", "/", body=[b"a", None])[0] == 408
    assert not seen


def test_a_long_answer_comes_in_pieces_and_whole() -> None:
    status, headers, body = _ask("GET", "/stream")
    assert (status, headers["content-length"], len(body)) == (200, "3200000", 3_200_000)
    assert body.endswith(b"0399999\n")


def test_a_slow_reader_holds_no_thread() -> None:
    async def scenario(front: Gateway) -> Reply:
        reading = asyncio.create_task(_request(front, "GET", "/stream", reads=asyncio.Event()))
        await asyncio.sleep(0)
        reply = await asyncio.wait_for(_request(front, "GET", "/"), 5)
        reading.cancel()
        return reply

    assert _with_front(scenario, threads=1)[2] == b"hello"


def test_head_has_the_headers_and_no_body() -> None:
    status, headers, body = _ask("HEAD", "/")
    assert (status, headers["content-length"], body) == (200, "5", b"")


@pytest.mark.parametrize("path", ["/fails", "/exits"])
def test_an_application_that_fails_is_a_500(path: str) -> None:
    status, _, body = _ask("GET", path)
    assert (status, b"purpose" in body) == (500, False)


def test_more_requests_than_can_wait_are_asked_to_come_again() -> None:
    async def scenario(front: Gateway) -> list[Reply]:
        return await asyncio.gather(*(_request(front, "GET", "/slow") for _ in range(4)))

    replies = _with_front(scenario, threads=1, max_waiting=2)
    assert sorted(status for status, _, _ in replies) == [200, 200, 200, 503]
    assert next(headers["retry-after"] for status, headers, _ in replies if status == 503) == "1"


def test_requests_share_the_threads_of_the_pool() -> None:
    async def scenario(front: Gateway) -> set[int]:
        threads = set()
        for _ in range(5):
            await _request(front, "GET", "/thread")
            threads.add(seen["thread"])
        return threads

    assert len(_with_front(scenario, threads=1)) == 1


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_a_thread_keeps_its_database_connection_between_requests() -> None:
    finished: list[Any] = []

    def count(**said: Any) -> None:  # Django's own receivers look after old connections
        finished.append(said)

    request_finished.connect(count)
    front = Gateway(native, WSGIHandler(), threads=1, max_body_bytes=MAX_BODY_BYTES)

    async def scenario() -> list[Reply]:
        return [await _request(front, "GET", "/", headers=[("Host", "127.0.0.1")]) for _ in range(3)]

    try:
        replies = asyncio.run(scenario())
    finally:
        request_finished.disconnect(count)
        front._pool.submit(connections.close_all).result()
    assert {status for status, _, _ in replies} == {200}
    assert len({body for _, _, body in replies}) == 1
    assert len(finished) == 3


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_a_native_request_leaves_no_database_connection() -> None:
    import picard.asgi  # noqa: F401  (its receiver closes them)

    front = Gateway(ASGIHandler(), application, threads=1, max_body_bytes=MAX_BODY_BYTES, native_paths=["/"])
    _, _, pid = asyncio.run(_request(front, "GET", "/", headers=[("Host", "127.0.0.1")]))
    with connections["default"].cursor() as cursor:
        for _ in range(1_000):  # PostgreSQL needs a moment to notice
            cursor.execute("select count(*) from pg_stat_activity where pid = %s", [int(pid)])
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.02)
    pytest.fail("the connection is still there")


def backend_pid(request: HttpRequest) -> HttpResponse:
    with connections["default"].cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return HttpResponse(cursor.fetchone())


urlpatterns = [path("", backend_pid)]


def test_lifespan_is_answered() -> None:
    async def scenario(front: Gateway) -> list[str]:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[str] = []

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await front({"type": "lifespan"}, receive, send)
        return sent

    assert _with_front(scenario) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_twenty_answers_to_come_leave_the_one_thread_to_others() -> None:
    async def scenario(front: Gateway) -> tuple[Reply, list[Reply]]:
        may_come.clear()
        waiting = [asyncio.create_task(_request(front, "POST", "/later")) for _ in range(20)]
        others = await _request(front, "GET", "/")
        assert not any(task.done() for task in waiting)
        may_come.set()
        return others, await asyncio.gather(*waiting)

    others, replies = _with_front(scenario, threads=1)
    assert others[2] == b"hello"
    assert {(status, body) for status, _, body in replies} == {(200, b"first last")}
    assert all("content-length" not in headers for _, headers, _ in replies)


def test_what_is_to_come_ends_when_the_client_goes() -> None:
    async def scenario(front: Gateway) -> None:
        may_come.clear()
        task = asyncio.create_task(_request(front, "POST", "/later"))
        while "later" not in seen:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    seen.clear()
    _with_front(scenario)
    assert seen["ended"]


def _ask(method: str, path: str, **options: Any) -> Reply:
    reply: Reply = _with_front(lambda front: _request(front, method, path, **options))
    return reply


def _with_front(scenario: Callable[[Gateway], Any], **options: Any) -> Any:
    settings: dict[str, Any] = {"threads": 2, "max_body_bytes": MAX_BODY_BYTES, "native_paths": ["/mcp"]}
    return asyncio.run(scenario(Gateway(native, application, **(settings | options))))


async def _request(
    front: Gateway,
    method: str,
    path: str,
    *,
    headers: list[tuple[str, str]] | None = None,
    query: bytes = b"",
    body: list[Any] | None = None,
    reads: asyncio.Event | None = None,
) -> Reply:
    """Chunks of the body are taken from the list: an Event is waited for, None is a client that leaves."""
    chunks = [b""] if body is None else body
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers or []],
        "server": ("127.0.0.1", 8000),
        "client": ("192.0.2.7", 50_000),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        chunk = chunks.pop(0) if chunks else asyncio.Event()  # the client stays, and says no more
        if isinstance(chunk, asyncio.Event):
            await chunk.wait()
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if reads:
            await reads.wait()

    await front(scope, receive, send)
    if not sent:
        return 0, {}, b""
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, b"".join(message["body"] for message in sent[1:])


def _mode_and_links(descriptor: int) -> tuple[int, int]:
    facts = os.fstat(descriptor)
    return stat.S_IMODE(facts.st_mode), facts.st_nlink


# --- Long files -------------------------------------------------------------------------------------------


def test_a_long_file_is_taken_where_one_may_be_brought() -> None:
    status, headers, _ = _upload("/import", b"x" * (MAX_BODY_BYTES + 10))
    assert (status, headers["x-length"]) == (200, str(MAX_BODY_BYTES + 10))


@pytest.mark.parametrize(
    ("path", "length"), [("/import", 2 * MAX_BODY_BYTES + 1), ("/fails", MAX_BODY_BYTES + 1)]
)
def test_there_is_an_end_to_it_and_who_may_not_see_the_page_may_not_bring_one(path: str, length: int) -> None:
    assert _upload(path, b"x" * length)[0] == 413


def test_who_sends_one_that_is_refused_is_heard_out_so_that_a_proxy_hands_the_answer_on() -> None:
    chunks = [b"x"] * 9
    assert _upload_in("/fails", MAX_BODY_BYTES + 1, chunks)[0] == 413
    assert chunks == []


def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "DRAIN_TIMEOUT_S", 0.01)
    assert _upload_in("/fails", MAX_BODY_BYTES + 1, [b"x", asyncio.Event(), b"x"])[0] == 413


def _upload(path: str, content: bytes) -> Reply:
    return _upload_in(path, len(content), [content[:MAX_BODY_BYTES], content[MAX_BODY_BYTES:]])


def _upload_in(path: str, length: int, chunks: list[Any]) -> Reply:
    options = {"upload_paths": ["/import", "/fails"], "max_upload_bytes": 2 * MAX_BODY_BYTES}
    headers = [("Content-Length", str(length))]
    reply: Reply = _with_front(
        lambda front: _request(front, "POST", path, headers=headers, body=chunks), **options
    )
    return reply
