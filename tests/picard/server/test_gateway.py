"""Gateway between the server and Django: limits, threads, and the WSGI environ."""

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

from core.request_threads import run_in_thread
from picard.server import gateway as gateway_module
from picard.server import upload_slots
from picard.server.clients import ClientDirectory
from picard.server.concurrency import ConcurrencyLimit
from picard.server.gateway import Gateway
from picard.server.upload_slots import MAX_UPLOADS
from picard.server.wsgi import DEFERRED_KEY

MAX_BODY_BYTES = 3_000_000
Reply = tuple[int, dict[str, str], bytes]
seen: dict[str, Any] = {}


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
    """A WSGI application whose behavior depends on the path; it stores the environ in `seen`."""
    seen.clear()
    seen.update(environ)
    path_info = environ["PATH_INFO"]
    if path_info == "/fails":
        raise ValueError("on purpose")
    if path_info == "/exits":
        raise SystemExit(3)
    if path_info == "/slow":
        time.sleep(0.2)
    if path_info == "/blocks":
        running.append(environ["HTTP_COOKIE"])
        may_end.wait()
    if path_info == "/thread":
        seen["thread"] = threading.get_ident()
    body = environ["wsgi.input"]
    if path_info == "/deferred":
        environ[DEFERRED_KEY].append(_stream_body)
    if path_info == "/works":
        environ[DEFERRED_KEY].append(_stream_thread_name)
    start("200 OK", [("X-Length", str(len(body.read())))])
    if path_info == "/spooled":
        seen["mode"], seen["links"] = _get_mode_and_links(body.fileno())
    if path_info == "/stream":
        return (b"%07d\n" % number for number in range(400_000))
    return iter([b"hello"])


may_continue = asyncio.Event()
may_end = threading.Event()  # of requests to /blocks
running: list[str] = []  # the cookies of those that have begun


async def _stream_body() -> AsyncIterator[bytes]:
    seen["streams"] = seen.get("streams", 0) + 1
    try:
        yield b"first "
        await may_continue.wait()
        yield b"last"
    finally:
        seen["ended"] = True


async def _stream_thread_name() -> AsyncIterator[bytes]:
    work = asyncio.create_task(run_in_thread(lambda: threading.current_thread().name))
    yield (await work).encode()


async def native(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"native %d" % len(body)})


def test_request_is_handled_by_the_wsgi_application() -> None:
    status, headers, body = _send("GET", "/")
    assert (status, body, headers["content-length"]) == (200, b"hello", "5")


def test_environ_matches_the_request() -> None:
    headers = [("Host", "h.example"), ("Cookie", "a=1"), ("Cookie", "b=2"), ("Accept", "x"), ("Accept", "y")]
    _send("GET", "/erinnerung/ü", headers=headers, query=b"q=%C3%BC")
    assert seen["PATH_INFO"] == "/erinnerung/ü".encode().decode("latin-1")
    assert (seen["QUERY_STRING"], seen["REMOTE_ADDR"]) == ("q=%C3%BC", "192.0.2.7")
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("127.0.0.1", "8000")
    assert (seen["HTTP_COOKIE"], seen["HTTP_ACCEPT"]) == ("a=1; b=2", "x,y")


def test_header_names_with_underscores_are_dropped() -> None:
    _send("GET", "/", headers=[("X_Forwarded_For", "6.6.6.6"), ("X-Real", "value")])
    assert "HTTP_X_FORWARDED_FOR" not in seen
    assert seen["HTTP_X_REAL"] == "value"


def test_chunked_body_gets_its_received_length() -> None:
    _, headers, _ = _send("POST", "/", body=[b"abc", b"de"])
    assert (headers["x-length"], seen["CONTENT_LENGTH"]) == ("5", "5")


def test_large_body_is_spooled_to_an_unlinked_private_file() -> None:
    _, headers, _ = _send("POST", "/spooled", body=[b"x" * 60_000] * 40)
    assert headers["x-length"] == "2400000"
    assert (seen["mode"], seen["links"]) == (0o600, 0)


@pytest.mark.parametrize("path", ["/", "/mcp"])
def test_body_above_the_limit_is_rejected_and_not_read_further(path: str) -> None:
    chunks = [b"x" * 1_000_000] * 6
    status, headers, body = _send("POST", path, body=chunks)
    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["title"] == "Request Entity Too Large"
    assert len(chunks) == 2


def test_body_with_content_length_above_the_limit_is_not_read() -> None:
    chunks = [b"x"]
    status, _, _ = _send("POST", "/", headers=[("Content-Length", "3000001")], body=chunks)
    assert (status, len(chunks)) == (413, 1)


def test_browser_without_script_gets_a_page_for_a_rejected_body() -> None:
    headers = [("Content-Length", "3000001"), ("Accept", "text/html,application/xhtml+xml")]
    status, headers_, body = _send("POST", "/", headers=headers, body=[b"x"])
    assert (status, headers_["content-type"]) == (413, "text/html; charset=utf-8")
    assert b"what you typed should still be there" in body
    headers += [("Accept-Language", "ar-EG"), ("Cookie", "a=b")]
    status, headers_, body = _send("POST", "/", headers=headers, body=[b"x"])
    assert (status, headers_["content-language"]) == (413, "ar")
    assert b'<html lang="ar" dir="rtl">' in body


def test_native_paths_receive_the_body() -> None:
    assert _send("POST", "/mcp", body=[b"ab", b"c"])[2] == b"native 3"
    assert _send("POST", "/mcp", body=[b"x" * 100_000] * 20)[2] == b"native 2000000"


def test_slow_body_occupies_no_thread() -> None:
    async def scenario(gateway: Gateway) -> Reply:
        slow = [
            asyncio.create_task(_request(gateway, "POST", "/", body=[b"a", asyncio.Event()]))
            for _ in range(5)
        ]
        await asyncio.sleep(0)
        reply = await asyncio.wait_for(_request(gateway, "GET", "/"), 2)
        for task in slow:
            task.cancel()
        return reply

    assert _run_with_gateway(scenario, threads=1)[0] == 200


def test_endless_body_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "BODY_TIMEOUT_S", 0.05)
    assert _send("POST", "/", body=[b"a", asyncio.Event()])[0] == 408


def test_request_of_a_disconnected_client_is_not_started() -> None:
    seen.clear()
    assert _send("POST", "/", body=[b"a", None])[0] == 408
    assert not seen


def test_long_response_is_complete() -> None:
    status, headers, body = _send("GET", "/stream")
    assert (status, headers["content-length"], len(body)) == (200, "3200000", 3_200_000)
    assert body.endswith(b"0399999\n")


def test_slow_reader_occupies_no_thread() -> None:
    async def scenario(gateway: Gateway) -> Reply:
        reading = asyncio.create_task(_request(gateway, "GET", "/stream", may_read=asyncio.Event()))
        await asyncio.sleep(0)
        reply = await asyncio.wait_for(_request(gateway, "GET", "/"), 5)
        reading.cancel()
        return reply

    assert _run_with_gateway(scenario, threads=1)[2] == b"hello"


def test_head_returns_headers_without_a_body() -> None:
    status, headers, body = _send("HEAD", "/")
    assert (status, headers["content-length"], body) == (200, "5", b"")


@pytest.mark.parametrize("path", ["/fails", "/exits"])
def test_application_error_is_500(path: str) -> None:
    status, headers, body = _send("GET", path)
    assert (status, b"purpose" in body) == (500, False)
    assert headers["access-control-allow-origin"] == "*"  # for apps in web pages


def test_too_many_waiting_requests_get_503_with_retry_after() -> None:
    async def scenario(gateway: Gateway) -> list[Reply]:
        return await asyncio.gather(*(_request(gateway, "GET", "/slow") for _ in range(4)))

    replies = _run_with_gateway(scenario, threads=1, max_waiting=2)
    assert sorted(status for status, _, _ in replies) == [200, 200, 200, 503]
    assert next(headers["retry-after"] for status, headers, _ in replies if status == 503) == "1"


def test_requests_share_the_thread_pool() -> None:
    async def scenario(gateway: Gateway) -> set[int]:
        threads = set()
        for _ in range(5):
            await _request(gateway, "GET", "/thread")
            threads.add(seen["thread"])
        return threads

    assert len(_run_with_gateway(scenario, threads=1)) == 1


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_thread_keeps_its_database_connection_between_requests() -> None:
    finished: list[Any] = []

    def count(**kwargs: Any) -> None:  # Django's receivers of this signal close old connections
        finished.append(kwargs)

    request_finished.connect(count)
    gateway = _make_gateway(native, WSGIHandler(), threads=1)

    async def scenario() -> list[Reply]:
        return [await _request(gateway, "GET", "/", headers=[("Host", "127.0.0.1")]) for _ in range(3)]

    try:
        replies = asyncio.run(scenario())
    finally:
        request_finished.disconnect(count)
        gateway._pool._threads.submit(connections.close_all).result()
    assert {status for status, _, _ in replies} == {200}
    assert len({body for _, _, body in replies}) == 1
    assert len(finished) == 3


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_native_request_closes_its_database_connection() -> None:
    import picard.asgi  # noqa: F401  (registers the receiver)

    gateway = _make_gateway(ASGIHandler(), application, threads=1, native_paths=["/"])
    _, _, pid = asyncio.run(_request(gateway, "GET", "/", headers=[("Host", "127.0.0.1")]))
    with connections["default"].cursor() as cursor:
        for _ in range(1_000):  # PostgreSQL notices with a delay
            cursor.execute(
                "select pg_stat_clear_snapshot()"
            )  # what a transaction has seen once, it sees again
            cursor.execute("select count(*) from pg_stat_activity where pid = %s", [int(pid)])
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.02)
    pytest.fail("The connection is still open.")


def backend_pid(request: HttpRequest) -> HttpResponse:
    with connections["default"].cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return HttpResponse(cursor.fetchone())


urlpatterns = [path("", backend_pid)]


def test_lifespan_events_are_completed() -> None:
    async def scenario(gateway: Gateway) -> list[str]:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[str] = []

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await gateway({"type": "lifespan"}, receive, send)
        return sent

    assert _run_with_gateway(scenario) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_twenty_deferred_responses_occupy_no_thread() -> None:
    async def scenario(gateway: Gateway) -> tuple[Reply, list[Reply]]:
        may_continue.clear()
        waiting = [asyncio.create_task(_request(gateway, "POST", "/deferred")) for _ in range(20)]
        others = await _request(gateway, "GET", "/")
        assert not any(task.done() for task in waiting)
        may_continue.set()
        return others, await asyncio.gather(*waiting)

    others, replies = _run_with_gateway(scenario, threads=1)
    assert others[2] == b"hello"
    assert {(status, body) for status, _, body in replies} == {(200, b"first last")}
    assert all("content-length" not in headers for _, headers, _ in replies)


def test_blocking_work_of_a_deferred_response_runs_in_the_thread_pool() -> None:
    assert _send("GET", "/works")[2].startswith(b"request_")


def test_deferred_response_is_cancelled_when_the_client_disconnects() -> None:
    async def scenario(gateway: Gateway) -> None:
        may_continue.clear()
        task = asyncio.create_task(_request(gateway, "POST", "/deferred"))
        while "streams" not in seen:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    seen.clear()
    _run_with_gateway(scenario)
    assert seen["ended"]


def _send(method: str, path: str, **options: Any) -> Reply:
    reply: Reply = _run_with_gateway(lambda gateway: _request(gateway, method, path, **options))
    return reply


def _run_with_gateway(scenario: Callable[[Gateway], Any], **options: Any) -> Any:
    return asyncio.run(scenario(_make_gateway(native, application, **options)))


def _make_gateway(native: Any, wsgi: Any, **options: Any) -> Gateway:
    """Return a gateway for which the value of a session is its user."""
    defaults: dict[str, Any] = {
        "threads": 2,
        "max_body_bytes": MAX_BODY_BYTES,
        "native_paths": ["/mcp"],
        "clients": ClientDirectory(lambda credential: credential.removeprefix("session ")),
        "request_limit": ConcurrencyLimit(2),
        "upload_limit": ConcurrencyLimit(1),
    }
    return Gateway(native, wsgi, **(defaults | options))


async def _request(
    gateway: Gateway,
    method: str,
    path: str,
    *,
    headers: list[tuple[str, str]] | None = None,
    query: bytes = b"",
    body: list[Any] | None = None,
    may_read: asyncio.Event | None = None,
) -> Reply:
    """Send a request. Of the chunks in `body`, an Event is awaited and None is a disconnect."""
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
        chunk = chunks.pop(0) if chunks else asyncio.Event()  # connected, but sends nothing more
        while isinstance(chunk, asyncio.Event):
            await chunk.wait()
            chunk = chunks.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if may_read:
            await may_read.wait()

    await gateway(scope, receive, send)
    if not sent:
        return 0, {}, b""
    response_headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], response_headers, b"".join(message["body"] for message in sent[1:])


def _get_mode_and_links(descriptor: int) -> tuple[int, int]:
    info = os.fstat(descriptor)
    return stat.S_IMODE(info.st_mode), info.st_nlink


# --- Uploads ----------------------------------------------------------------------------------------------


def test_large_file_is_accepted_at_an_upload_path() -> None:
    status, headers, _ = _upload("/import", b"x" * (MAX_BODY_BYTES + 10))
    assert (status, headers["x-length"]) == (200, str(MAX_BODY_BYTES + 10))


@pytest.mark.parametrize(
    ("path", "length"), [("/import", 2 * MAX_BODY_BYTES + 1), ("/fails", MAX_BODY_BYTES + 1)]
)
def test_upload_above_its_limit_or_without_access_is_rejected(path: str, length: int) -> None:
    assert _upload(path, b"x" * length)[0] == 413


def test_rejected_upload_is_drained_so_that_a_proxy_forwards_the_response() -> None:
    chunks = [b"x"] * 9
    assert _upload_chunks("/fails", MAX_BODY_BYTES + 1, chunks)[0] == 413
    assert chunks == []


def test_draining_a_rejected_upload_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "DRAIN_TIMEOUT_S", 0.01)
    assert _upload_chunks("/fails", MAX_BODY_BYTES + 1, [b"x", asyncio.Event(), b"x"])[0] == 413


def test_upload_below_the_least_pace_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "UPLOAD_PIECE_S", 0.05)
    chunks = [b"x" * 900_000, asyncio.Event(), b"x"]
    assert _upload_chunks("/import", MAX_BODY_BYTES + 1, chunks)[0] == 408


def test_upload_of_the_least_pace_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "UPLOAD_PIECE_S", 0.2)
    chunks = [piece for _ in range(4) for piece in (_later(0.1), b"x" * 1_000_000)]
    assert _upload_chunks("/import", MAX_BODY_BYTES + 1, chunks)[0] == 200


class _later(asyncio.Event):  # noqa: N801
    """Elapses after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def wait(self) -> Any:
        await asyncio.sleep(self._seconds)


def test_uploads_of_a_client_wait_for_each_other_and_for_nobody_else() -> None:
    async def scenario(gateway: Gateway) -> list[Reply]:
        may_end = asyncio.Event()
        uploads = [asyncio.create_task(_upload_as(gateway, "ada", [b"x", may_end, b"x"])) for _ in range(3)]
        assert (await asyncio.wait_for(_upload_as(gateway, "bob", [b"x"]), 5))[0] == 200
        assert not any(upload.done() for upload in uploads)
        may_end.set()
        return await asyncio.gather(*uploads)

    assert [status for status, _, _ in _run_with_gateway(scenario, **UPLOADS)] == [200, 200, 200]


def test_upload_that_waits_too_long_for_another_gets_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "UPLOAD_WAIT_S", 0.05)

    async def scenario(gateway: Gateway) -> Reply:
        first = asyncio.create_task(_upload_as(gateway, "ada", [b"x", asyncio.Event(), b"x"]))
        await asyncio.sleep(0.02)
        reply = await _upload_as(gateway, "ada", [b"x"])
        first.cancel()
        return reply

    status, headers, _ = _run_with_gateway(scenario, **UPLOADS)
    assert (status, headers["retry-after"]) == (503, "10")


async def _fill_upload_slots(gateway: Gateway, chunks: list[Any]) -> "list[asyncio.Task[Reply]]":
    """Begin an upload of one user in each slot at the same time; the last is the slowest."""
    uploads = []
    for number in reversed(range(MAX_UPLOADS)):
        body = [b"x" * 1_000 * (number + 1), *chunks]
        uploads.append(asyncio.create_task(_upload_as(gateway, f"user{number}", body)))
    held = gateway._upload_slots._held
    while [slot.received > 0 for slot in held] != [True] * MAX_UPLOADS:
        if all(upload.done() for upload in uploads):
            break
        await asyncio.sleep(0.01)
    began = asyncio.get_running_loop().time()
    for slot in held:  # a busy machine starts them one by one
        slot.started_at = began
    return uploads


def test_the_slowest_upload_gives_way_to_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_slots, "KEPT_S", 0.05)
    monkeypatch.setattr(upload_slots, "CHECK_S", 0.01)

    async def scenario(gateway: Gateway) -> list[Reply]:
        uploads = await _fill_upload_slots(gateway, [may_end := asyncio.Event(), b"x"])
        replies = [
            (await asyncio.wait_for(_upload_as(gateway, user, [b"x"]), 5))[0] for user in ("eve", "mal")
        ]
        assert replies == [200, 200]
        assert [upload.done() for upload in uploads] == [False] * (MAX_UPLOADS - 1) + [True]
        may_end.set()
        return await asyncio.gather(*uploads)

    *kept, (status, headers, _) = _run_with_gateway(scenario, **UPLOADS)
    assert [each[0] for each in kept] == [200] * (MAX_UPLOADS - 1)
    assert (status, headers["connection"]) == (503, "close")


@pytest.mark.parametrize(("name", "value"), [("KEPT_S", 60.0), ("KEPT_BYTES_PER_S", 0)])
def test_a_new_or_a_fast_upload_does_not_give_way(
    name: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_slots, "KEPT_S", 0.0)
    monkeypatch.setattr(upload_slots, "CHECK_S", 0.01)
    monkeypatch.setattr(upload_slots, name, value)
    monkeypatch.setattr(gateway_module, "UPLOAD_WAIT_S", 0.2)

    async def scenario(gateway: Gateway) -> list[int]:
        uploads = await _fill_upload_slots(gateway, [may_end := asyncio.Event(), b"x"])
        waiting = await _upload_as(gateway, "eve", [b"x"])
        may_end.set()
        return [waiting[0], *[reply[0] for reply in await asyncio.gather(*uploads)]]

    assert _run_with_gateway(scenario, **UPLOADS) == [503] + [200] * MAX_UPLOADS


def test_an_upload_whose_client_leaves_while_it_waits_takes_no_slot() -> None:
    async def scenario(gateway: Gateway) -> list[int]:
        uploads = await _fill_upload_slots(gateway, [may_end := asyncio.Event(), b"x"])
        waiting = asyncio.create_task(_upload_as(gateway, "eve", [b"x"]))
        await asyncio.sleep(0.05)
        waiting.cancel()
        may_end.set()
        await asyncio.gather(*uploads, waiting, return_exceptions=True)
        uploads = await _fill_upload_slots(gateway, [b"x"])
        return [reply[0] for reply in await asyncio.wait_for(asyncio.gather(*uploads), 5)]

    assert _run_with_gateway(scenario, **UPLOADS) == [200] * MAX_UPLOADS


UPLOADS: dict[str, Any] = {"upload_paths": ["/import"], "max_upload_bytes": 2 * MAX_BODY_BYTES}


async def _upload_as(gateway: Gateway, user: str, chunks: list[Any]) -> Reply:
    headers = [("Content-Length", str(MAX_BODY_BYTES + 1)), ("Cookie", f"picard_session={user}")]
    return await _request(gateway, "POST", "/import", headers=headers, body=chunks)


# --- Fairness between clients -----------------------------------------------------------------------------


def test_client_uses_two_threads_and_its_further_requests_wait() -> None:
    async def scenario(gateway: Gateway) -> list[Reply]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_request_as(gateway, "ada", "/blocks")) for _ in range(8)]
            try:
                while len(running) < 2:
                    await asyncio.sleep(0.01)
                assert (await _request_as(gateway, "bob", "/"))[0] == 200
                assert len(running) == 2
            finally:
                may_end.set()
        return [task.result() for task in tasks]

    may_end.clear()
    running.clear()
    replies = _run_with_gateway(scenario, threads=4)
    assert [status for status, _, _ in replies] == [200] * 8


def test_request_whose_client_has_disconnected_keeps_its_place_until_its_thread_is_free() -> None:
    async def scenario(gateway: Gateway) -> None:
        tasks = [asyncio.create_task(_request_as(gateway, "ada", "/blocks")) for _ in range(2)]
        while len(running) < 2:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        third = asyncio.create_task(_request_as(gateway, "ada", "/blocks"))
        await asyncio.sleep(0.1)
        assert len(running) == 2
        may_end.set()
        assert (await third)[0] == 200

    may_end.clear()
    running.clear()
    _run_with_gateway(scenario, threads=4)


def test_new_client_is_served_although_another_has_filled_the_queue() -> None:
    async def scenario(gateway: Gateway) -> None:
        tasks = [asyncio.create_task(_request_as(gateway, "ada", "/blocks")) for _ in range(6)]
        while len(running) < 2:
            await asyncio.sleep(0.01)
        try:
            assert (await _request_as(gateway, "ada", "/"))[0] == 503
            assert (await _request_as(gateway, "bob", "/"))[0] == 200
        finally:
            may_end.set()
            await asyncio.gather(*tasks)

    may_end.clear()
    running.clear()
    _run_with_gateway(scenario, threads=4, max_waiting=2)


async def _request_as(gateway: Gateway, user: str, path: str) -> Reply:
    return await _request(gateway, "GET", path, headers=[("Cookie", f"picard_session={user}")])


def _upload(path: str, content: bytes) -> Reply:
    return _upload_chunks(path, len(content), [content[:MAX_BODY_BYTES], content[MAX_BODY_BYTES:]])


def _upload_chunks(path: str, length: int, chunks: list[Any]) -> Reply:
    options = {"upload_paths": ["/import", "/fails"], "max_upload_bytes": 2 * MAX_BODY_BYTES}
    headers = [("Content-Length", str(length))]
    reply: Reply = _run_with_gateway(
        lambda gateway: _request(gateway, "POST", path, headers=headers, body=chunks), **options
    )
    return reply
