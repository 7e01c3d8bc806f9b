"""What the SDK does if a server refuses, fails, or is another program."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import picard_memory
import pytest
from picard_memory import AsyncPicard, Picard, PicardError, _async_client, _client, answers
from picard_memory.profiles import Credentials

URL = "https://memory.example.org"
ID = "019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90"
MEMORY: dict[str, Any] = {
    "id": ID, "text": "I run.", "visibility": "private", "tags": ["sport"], "expires_at": None, "supersedes": None,
    "superseded_by": None, "superseded_at": None, "version": 1, "source": "web", "state": "ready", "pinned": False,
    "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00.5Z", "a_field_of_tomorrow": 1,
}  # fmt: skip
Answers = list[httpx.Response | Exception]


def answer_problem(status: int, code: str, detail: str = "No.", **headers: str) -> httpx.Response:
    problem = {"code": code, "detail": detail, "errors": []}
    return httpx.Response(
        status,
        content=json.dumps(problem).encode(),
        headers={"Content-Type": "application/problem+json"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
    )


class Script:
    """Gives these answers in order, and keeps the requests and the times that the client waits."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits_s: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def keys(self) -> list[str | None]:
        return [request.headers.get("Idempotency-Key") for request in self.requests]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Picard, Script]]:
    """Return a client of a script of answers; its waits take no time."""

    def connect_script(*answers: httpx.Response | Exception, **options: Any) -> tuple[Picard, Script]:
        script = Script(*answers)
        monkeypatch.setattr(_client, "sleep", script.waits_s.append)
        return Picard(URL, "a-token", transport=httpx.MockTransport(script.answer), **options), script

    return connect_script


Connect = Callable[..., tuple[Picard, Script]]
CREATED = httpx.Response(201, json=MEMORY)


@pytest.mark.parametrize("text", ["half of an emoji: \ud83d", os.fsdecode(b"not UTF-8: \xff")])
def test_invalid_unicode_is_an_error_that_says_so(text: str, connect: Connect) -> None:
    client, script = connect()
    for call in (
        lambda: client.add(text),
        lambda: client.get(text),
        lambda: client.get_context(query=text),
        lambda: client.add("x", idempotency_key=text),
    ):
        with pytest.raises(PicardError, match="Invalid Unicode") as caught:
            call()
        assert "emoji" not in str(caught.value)
    assert script.requests == []


@pytest.mark.parametrize(("timeout_s", "attempts"), [(60.0, 1), (25.0, 3), (1.0, 4)])
def test_a_server_that_hangs_is_not_asked_for_minutes(
    timeout_s: float, attempts: int, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_s = [0.0]
    monkeypatch.setattr(answers, "monotonic", lambda: clock_s[0])
    _, script = connect()

    def hang(request: httpx.Request) -> httpx.Response:
        script.requests.append(request)
        clock_s[0] += timeout_s
        raise httpx.ReadTimeout("no answer")

    client = Picard(URL, "a-token", timeout=timeout_s, transport=httpx.MockTransport(hang))
    with pytest.raises(picard_memory.UnreachableError, match="in time"):
        client.ask("Where do I live?")
    assert len(script.requests) == attempts


def test_a_query_that_no_url_can_have_is_refused_with_the_reason(connect: Connect) -> None:
    client, _ = connect(httpx.Response(414, text="Request line is too large"))
    with pytest.raises(picard_memory.InvalidRequestError, match="shorten"):
        client.get_context(query="\u4f60" * 900)


def test_a_refused_write_is_repeated_after_the_time_that_the_server_says(connect: Connect) -> None:
    client, script = connect(
        answer_problem(429, "rate_limited", Retry_After="7"),
        answer_problem(503, "unavailable", Retry_After="2"),
        CREATED,
    )
    memory = client.add("I run.")
    assert isinstance(memory, picard_memory.Memory)
    assert (memory.id, memory.tags, memory.updated_at.microsecond) == (ID, ("sport",), 500_000)
    assert [7 <= wait_s <= 9 for wait_s in script.waits_s[:1]] == [True]
    assert 2 <= script.waits_s[1] <= 2.5
    assert len(set(script.keys())) == 1
    assert script.keys()[0] is not None


def test_two_writes_have_different_keys(connect: Connect) -> None:
    client, script = connect(CREATED, CREATED, CREATED)
    client.add("I run.")
    client.add("I run.")
    client.add("I run.", idempotency_key="mine")
    assert len(set(script.keys())) == 3
    assert script.keys()[2] == "mine"


def test_a_lost_answer_is_asked_for_again_if_that_cannot_act_twice(connect: Connect) -> None:
    lost = httpx.ReadError("connection reset")
    client, script = connect(lost, httpx.ReadTimeout("too late"), CREATED)
    client.add("I run.")
    assert len(script.requests) == 3
    client, script = connect(lost)
    with pytest.raises(picard_memory.UnreachableError):
        client.trash(ID)
    assert len(script.requests) == 1


def test_an_unreachable_server_is_given_up_in_the_end(connect: Connect) -> None:
    client, script = connect(*[httpx.ConnectError("connection refused") for _ in range(4)])
    with pytest.raises(picard_memory.UnreachableError, match="cannot be reached: connection refused"):
        client.trash(ID)
    assert script.waits_s == sorted(script.waits_s)
    assert len(script.requests) == 4


def test_no_request_waits_longer_than_the_caller_allows(connect: Connect) -> None:
    client, script = connect(answer_problem(429, "rate_limited", Retry_After="3600"), max_retry_wait=30)
    with pytest.raises(picard_memory.RateLimitError) as caught:
        client.whoami()
    assert caught.value.retry_after == 3600
    assert script.waits_s == []


@pytest.mark.parametrize(
    ("answer", "error", "exit_code"),
    [
        (answer_problem(400, "invalid"), picard_memory.InvalidRequestError, 1),
        (answer_problem(401, "invalid_token"), picard_memory.NoAccessError, 4),
        (answer_problem(403, "insufficient_scope"), picard_memory.NoAccessError, 4),
        (answer_problem(404, "not_found"), picard_memory.NotFoundError, 3),
        (answer_problem(412, "version_conflict"), picard_memory.ConflictError, 1),
        (answer_problem(500, "server_error"), picard_memory.ServerError, 1),
        (httpx.Response(404, html="<h1>Not Found</h1>"), picard_memory.UnexpectedAnswerError, 5),
        (httpx.Response(200, html="<h1>Welcome to the hotel</h1>"), picard_memory.UnexpectedAnswerError, 5),
        (httpx.Response(200, json=[]), picard_memory.UnexpectedAnswerError, 5),
        (httpx.Response(200, json=MEMORY | {"tags": "sport"}), picard_memory.UnexpectedAnswerError, 5),
        (
            httpx.Response(200, json=MEMORY | {"created_at": "yesterday"}),
            picard_memory.UnexpectedAnswerError,
            5,
        ),
        (httpx.Response(200, json={"id": ID}), picard_memory.UnexpectedAnswerError, 5),
    ],
)
def test_each_kind_of_failure_has_its_error_and_exit_code(
    connect: Connect, answer: httpx.Response, error: type[picard_memory.PicardError], exit_code: int
) -> None:
    client, _script = connect(answer)
    with pytest.raises(error) as caught:
        client.get(ID)
    assert type(caught.value) is error
    assert caught.value.exit_code == exit_code


def test_a_redirect_is_never_followed_with_the_token(connect: Connect) -> None:
    client, script = connect(httpx.Response(302, headers={"Location": "https://evil.example/"}))
    with pytest.raises(picard_memory.UnexpectedAnswerError, match=r"redirects to https://evil\.example/"):
        client.whoami()
    assert len(script.requests) == 1


def test_errors_of_fields_are_in_the_message(connect: Connect) -> None:
    problem = {
        "code": "invalid", "detail": "The request is invalid.",
        "errors": [{"pointer": "#/tags/0", "code": "max_length", "detail": "At most 50 characters."}],
    }  # fmt: skip
    answer = httpx.Response(
        400, content=json.dumps(problem).encode(), headers={"Content-Type": "application/problem+json"}
    )
    client, _script = connect(answer)
    with pytest.raises(picard_memory.InvalidRequestError, match="tags/0: At most 50 characters") as caught:
        client.add("I run.", tags=["x" * 51])
    assert caught.value.errors[0].code == "max_length"


def test_ids_cannot_lead_to_another_path(connect: Connect) -> None:
    client, script = connect(answer_problem(404, "not_found"))
    with pytest.raises(picard_memory.NotFoundError):
        client.get("../trash/?x=")
    assert script.requests[0].url.raw_path == b"/api/v1/memories/..%2Ftrash%2F%3Fx%3D/"


def test_a_time_without_zone_is_refused_before_anything_is_sent(connect: Connect) -> None:
    client, script = connect()
    with pytest.raises(ValueError, match="time zone"):
        client.add("I run.", expires_at=datetime(2027, 1, 1))  # noqa: DTZ001
    assert script.requests == []


def test_no_token_is_in_an_error_or_a_representation(connect: Connect) -> None:
    client, _script = connect(answer_problem(401, "invalid_token"))
    with pytest.raises(picard_memory.NoAccessError) as caught:
        client.whoami()
    credentials = Credentials("a-token", "another-token")
    assert "a-token" not in repr(caught.value) + repr(client) + repr(credentials)


def test_the_asynchronous_client_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"results": [MEMORY], "next": f"{URL}/api/v1/memories/?cursor=2", "next_cursor": ID}
    script = Script(
        answer_problem(503, "unavailable", Retry_After="1"),
        httpx.Response(200, json=page),
        httpx.Response(200, json=page | {"next_cursor": None}),
    )

    async def sleep(seconds: float) -> None:
        script.waits_s.append(seconds)

    monkeypatch.setattr(_async_client, "async_sleep", sleep)

    async def list_texts() -> list[str | None]:
        async with AsyncPicard(URL, "a-token", transport=httpx.MockTransport(script.answer)) as client:
            return [memory.text async for memory in client.iter_memories()]

    assert asyncio.run(list_texts()) == ["I run.", "I run."]
    assert script.requests[2].url.params["cursor"] == ID
    assert len(script.waits_s) == 1


def test_an_unchanged_context_is_not_sent_again(connect: Connect) -> None:
    context = {"text": "I run.", "token_count": 3, "max_tokens": 800, "memories": [ID], "omitted": 0}
    client, script = connect(
        httpx.Response(200, json=context, headers={"ETag": '"a"'}),
        httpx.Response(304),
        httpx.Response(200, json=context | {"text": "I walk."}),
    )
    first = client.get_context()
    assert client.get_context() is first
    assert client.get_context(query="sport").text == "I walk."
    assert [request.headers.get("If-None-Match") for request in script.requests] == [None, '"a"', None]
