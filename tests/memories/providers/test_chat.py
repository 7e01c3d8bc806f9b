"""The chat model against a real HTTP server, in every mood such servers have."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from pytest_django import Settings

from memories.providers import chat as chat_provider
from memories.providers.chat import ChatUnavailable
from memories.providers.chat_settings import ChatSettings
from memories.providers.embeddings import get_provider, reset_provider
from tests.model_server import RETRY_AFTER_S, ModelServer, Mood
from tests.processes import PROJECT

SECRET = "my locker code is 4711"
ASKED = [("system", "Be brief."), ("human", SECRET)]


def streamed(messages: list[tuple[str, str]] = ASKED) -> list[str]:
    async def collect() -> list[str]:
        return [piece async for piece in chat_provider.stream_chat(messages)]

    return asyncio.run(collect())


def completed(messages: list[tuple[str, str]] = ASKED) -> list[str]:
    return [chat_provider.complete_chat(messages)]


WAYS = pytest.mark.parametrize("ask", [completed, streamed])
Ask = Callable[[], list[str]]


@WAYS
def test_roles_and_texts_are_sent_once_and_the_answer_comes_back(model: ModelServer, ask: Ask) -> None:
    assert "".join(ask()) == "Peanuts [1]."
    [request] = model.requests
    assert request["path"] == "/v1/chat/completions"
    assert [(each["role"], each["content"]) for each in request["body"]["messages"]] == [
        ("system", "Be brief."),
        ("user", SECRET),
    ]


def test_a_stream_comes_in_pieces(model: ModelServer) -> None:
    assert streamed() == ["Peanuts", " [1]", "."]


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
def test_what_goes_wrong_is_one_error_without_a_text(
    model: ModelServer, ask: Ask, mood: Mood, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model.mood = mood
    with pytest.raises(ChatUnavailable) as caught:
        ask()
    error = caught.value
    assert error.code == code
    assert (error.__cause__, error.__context__) == (None, None)
    assert "4711" not in f"{error!r} {caplog.text}"
    assert "sk-secret" not in caplog.text
    assert len(model.requests) == 1


@WAYS
def test_a_hanging_server_is_a_timeout(model: ModelServer, ask: Ask, settings: Settings) -> None:
    settings.CHAT = replace(settings.CHAT, timeout_s=0.3)
    model.mood = Mood.HANGING
    with pytest.raises(ChatUnavailable, match="timeout"):
        ask()


def test_a_stream_that_stops_amid_its_answer_is_a_timeout(model: ModelServer, settings: Settings) -> None:
    settings.CHAT = replace(settings.CHAT, timeout_s=1.0)
    model.may_go_on.clear()
    with pytest.raises(ChatUnavailable, match="timeout"):
        streamed()


def test_a_stream_that_breaks_amid_its_answer_is_a_bad_answer(model: ModelServer) -> None:
    model.mood = Mood.BREAKING_OFF
    with pytest.raises(ChatUnavailable, match="bad_answer"):
        streamed()


@WAYS
@pytest.mark.parametrize(
    ("mood", "retry_after_s"), [(Mood.LIMITED, RETRY_AFTER_S), (Mood.FAILING, None), (Mood.DENYING, None)]
)
def test_after_a_failure_the_provider_is_left_alone(
    model: ModelServer, ask: Ask, mood: Mood, retry_after_s: int | None
) -> None:
    model.mood = mood
    with pytest.raises(ChatUnavailable) as caught:
        ask()
    assert caught.value.retry_after_s == retry_after_s
    model.mood = Mood.WELL
    with pytest.raises(ChatUnavailable, match="left_alone"):
        ask()
    assert len(model.requests) == 1
    chat_provider.reset_model()
    assert ask()


def test_a_connection_that_drops_amid_the_answer_is_the_providers_failure(model: ModelServer) -> None:
    model.mood = Mood.DROPPING
    for code in ("unreachable", "left_alone"):
        with pytest.raises(ChatUnavailable, match=code):
            streamed()


@WAYS
@pytest.mark.parametrize("mood", [Mood.REJECTING, Mood.SILENT, Mood.CUTTING])
def test_a_question_that_goes_wrong_silences_nobody_else(model: ModelServer, ask: Ask, mood: Mood) -> None:
    model.mood = mood
    with pytest.raises(ChatUnavailable):
        ask()
    model.mood = Mood.WELL
    assert ask()


@WAYS
def test_a_server_that_is_not_there_is_unreachable(settings: Settings, ask: Ask) -> None:
    settings.CHAT = ChatSettings(model="fake", base_url="http://127.0.0.1:9/v1", timeout_s=2.0)
    with pytest.raises(ChatUnavailable, match="unreachable"):
        ask()


@WAYS
def test_an_unknown_provider_is_a_fault_of_the_settings(settings: Settings, ask: Ask) -> None:
    settings.CHAT = ChatSettings(model="fake", provider="anthropic")
    with pytest.raises(ChatUnavailable, match="misconfigured"):
        ask()


def test_a_server_that_is_a_process_of_its_own_gives_words_and_vectors(settings: Settings) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.model_server"], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            told = dict(server.stdout.readline().strip().split("=", 1) for _ in range(6))
            settings.CHAT = ChatSettings(
                told["CHAT_MODEL"], base_url=told["CHAT_BASE_URL"], api_key=told["CHAT_API_KEY"]
            )
            settings.EMBEDDING_PROVIDER = told["EMBEDDING_PROVIDER"]
            settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = (
                told["OPENAI_BASE_URL"],
                told["OPENAI_API_KEY"],
            )
            reset_provider()
            assert (completed(), streamed()) == (["Peanuts [1]."], ["Peanuts", " [1]", "."])
            assert len(get_provider().embed_query("zebra")) == settings.EMBEDDING_DIMENSIONS
        finally:
            server.kill()
            reset_provider()


@WAYS
def test_without_a_model_nobody_is_asked(ask: Ask) -> None:
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
def test_the_receiver_of_texts_has_a_name(
    settings: Settings, chat: ChatSettings, host: str, is_hosted: bool
) -> None:
    settings.CHAT = chat
    assert (chat_provider.get_provider_name(), chat_provider.is_hosted()) == (host, is_hosted)


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "{'langchain', 'langchain_core', 'openai'}"
    script = f"import sys, memories.providers.chat; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == []
