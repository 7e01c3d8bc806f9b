"""The chat provider against a real HTTP server in all its failure modes."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from pytest_django import Settings

from memories.providers import chat as chat_provider
from memories.providers.chat_api.errors import ChatUnavailable
from memories.providers.chat_settings import ChatSettings
from memories.providers.embeddings import get_provider, reset_provider
from tests.model_server import RETRY_AFTER_S, ModelServer, Mood
from tests.processes import PROJECT

SECRET = "my locker code is 4711"
ASKED = [("system", "Be brief."), ("human", SECRET)]


def stream(messages: list[tuple[str, str]] = ASKED) -> list[str]:
    async def collect() -> list[str]:
        return [piece async for piece in chat_provider.stream_chat(messages)]

    return asyncio.run(collect())


def complete(messages: list[tuple[str, str]] = ASKED) -> list[str]:
    return [chat_provider.complete_chat(messages).text]


WAYS = pytest.mark.parametrize("ask", [complete, stream])
Ask = Callable[[], list[str]]


@WAYS
def test_roles_and_texts_are_sent_once_and_answer_is_returned(model: ModelServer, ask: Ask) -> None:
    assert "".join(ask()) == "Peanuts [1]."
    [request] = model.requests
    assert request["path"] == "/v1/chat/completions"
    assert [(each["role"], each["content"]) for each in request["body"]["messages"]] == [
        ("system", "Be brief."),
        ("user", SECRET),
    ]


def test_stream_yields_chunks_once_an_answer_has_shown_its_form(model: ModelServer) -> None:
    assert stream() == ["Peanuts [1]."]  # it could have been reasoning, with a closing tag at its end
    assert stream() == ["Peanuts", " [1]", "."]


@WAYS
@pytest.mark.parametrize(
    ("mood", "code"),
    [
        (Mood.FAILING, "server_error"),
        (Mood.LIMITED, "rate_limited"),
        (Mood.REJECTING, "rejected"),
        (Mood.DENYING, "unauthorized"),
        (Mood.HANGING_UP, "unreachable"),
        (Mood.BABBLING, "bad_answer"),
        (Mood.CUTTING, "bad_answer"),
        (Mood.SILENT, "bad_answer"),
    ],
)
def test_failures_raise_one_error_without_text(
    model: ModelServer, ask: Ask, mood: Mood, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model.mood = mood
    with pytest.raises(ChatUnavailable) as error_info:
        ask()
    error = error_info.value
    assert error.code == code
    assert code in [getattr(each, "fields", {}).get("code") for each in caplog.records]
    assert (error.__cause__, error.__context__) == (None, None)
    assert "4711" not in f"{error!r} {caplog.text}"
    assert "sk-secret" not in caplog.text
    assert len([each for each in model.chats if SECRET in str(each)]) == 1
    assert len(model.requests) <= 6  # what the server accepts is looked for with a fixed text


@WAYS
def test_hanging_server_is_a_timeout(model: ModelServer, ask: Ask, settings: Settings) -> None:
    settings.CHAT = replace(settings.CHAT, timeout_s=0.3)
    model.mood = Mood.HANGING
    with pytest.raises(ChatUnavailable, match="timeout"):
        ask()


def test_stalled_stream_is_a_timeout(model: ModelServer, settings: Settings) -> None:
    settings.CHAT = replace(settings.CHAT, timeout_s=1.0)
    model.may_go_on.clear()
    with pytest.raises(ChatUnavailable, match="timeout"):
        stream()


def test_broken_stream_is_a_bad_answer(model: ModelServer) -> None:
    model.mood = Mood.BREAKING_OFF
    with pytest.raises(ChatUnavailable, match="bad_answer"):
        stream()


@WAYS
@pytest.mark.parametrize(
    ("mood", "retry_after_s"), [(Mood.LIMITED, RETRY_AFTER_S), (Mood.FAILING, None), (Mood.DENYING, None)]
)
def test_failure_opens_circuit_breaker(
    model: ModelServer, ask: Ask, mood: Mood, retry_after_s: int | None
) -> None:
    model.mood = mood
    with pytest.raises(ChatUnavailable) as error_info:
        ask()
    assert error_info.value.retry_after_s == retry_after_s
    model.mood = Mood.WELL
    with pytest.raises(ChatUnavailable, match="left_alone"):
        ask()
    assert len(model.requests) == 1
    chat_provider.reset_model()
    assert ask()


def test_dropped_connection_opens_circuit_breaker(model: ModelServer) -> None:
    model.mood = Mood.DROPPING
    for code in ("unreachable", "left_alone"):
        with pytest.raises(ChatUnavailable, match=code):
            stream()


@WAYS
@pytest.mark.parametrize("mood", [Mood.REJECTING, Mood.SILENT, Mood.CUTTING])
def test_error_of_one_question_does_not_open_circuit_breaker(
    model: ModelServer, ask: Ask, mood: Mood
) -> None:
    model.mood = mood
    with pytest.raises(ChatUnavailable):
        ask()
    model.mood = Mood.WELL
    assert ask()


@WAYS
def test_absent_server_is_unreachable(settings: Settings, ask: Ask) -> None:
    settings.CHAT = ChatSettings(model="fake", base_url="http://127.0.0.1:9/v1", timeout_s=2.0)
    with pytest.raises(ChatUnavailable, match="unreachable"):
        ask()


@WAYS
def test_unknown_provider_is_misconfigured(settings: Settings, ask: Ask) -> None:
    settings.CHAT = ChatSettings(model="fake", provider="anthropic")
    with pytest.raises(ChatUnavailable, match="misconfigured"):
        ask()


def test_separate_model_server_returns_text_and_vectors(settings: Settings) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.model_server"], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            environment = dict(server.stdout.readline().strip().split("=", 1) for _ in range(6))
            settings.CHAT = ChatSettings(
                environment["CHAT_MODEL"],
                base_url=environment["CHAT_BASE_URL"],
                api_key=environment["CHAT_API_KEY"],
            )
            settings.EMBEDDING_PROVIDER = environment["EMBEDDING_PROVIDER"]
            settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = (
                environment["OPENAI_BASE_URL"],
                environment["OPENAI_API_KEY"],
            )
            reset_provider()
            assert (complete(), stream()) == (["Peanuts [1]."], ["Peanuts", " [1]", "."])
            assert len(get_provider().embed_query("zebra") or []) == settings.EMBEDDING_DIMENSIONS
        finally:
            server.kill()
            reset_provider()


@WAYS
def test_nothing_is_sent_without_a_model(ask: Ask) -> None:
    assert (chat_provider.is_configured(), chat_provider.is_hosted(), chat_provider.get_provider_name()) == (
        False,
        False,
        "",
    )
    with pytest.raises(ChatUnavailable, match="off"):
        ask()


@pytest.mark.parametrize(
    ("chat", "host", "is_hosted"),
    [
        (ChatSettings(model="m"), "api.openai.com", True),
        (ChatSettings(model="m", provider="anthropic"), "anthropic", True),
        (
            ChatSettings(model="m", base_url="https://name:secret@models.example:8443/v1"),
            "models.example",
            True,
        ),
        (ChatSettings(model="m", base_url="http://localhost:11434/v1"), "localhost", False),
        (ChatSettings(model="m", base_url="http://[::1]:11434/v1"), "::1", False),
    ],
)
def test_provider_name_is_its_host(
    settings: Settings, chat: ChatSettings, host: str, is_hosted: bool
) -> None:
    settings.CHAT = chat
    assert (chat_provider.get_provider_name(), chat_provider.is_hosted()) == (host, is_hosted)


def test_import_loads_no_heavy_module() -> None:
    heavy = "{'langchain', 'langchain_core', 'openai'}"
    script = f"import sys, memories.providers.chat; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == []
