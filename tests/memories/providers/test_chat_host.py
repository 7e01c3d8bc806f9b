"""The chat model's texts and key go to the host that the settings name, whatever the environment and servers say."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django import Settings

from memories.providers import chat as chat_provider
from memories.providers.chat_api.errors import ChatUnavailable
from memories.providers.chat_api.habits import ChatHabits as KnownHabits
from memories.providers.chat_api.langchain_model import build_client, build_model
from memories.providers.chat_settings import ChatSettings
from memories.providers.http_client import isolate_libraries
from tests.model_habits import ChatHabits
from tests.model_server import ModelServer

MESSAGES = [("system", "Be brief."), ("human", "My locker code is 4711.")]


@pytest.fixture
def elsewhere() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def _hostile_environment(elsewhere: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set every variable that the libraries are known to read."""
    root = elsewhere.url.removesuffix("/v1")
    variables = {
        **dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE", "AZURE_OPENAI_ENDPOINT"), elsewhere.url),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPENAI_PROXY", "http_proxy"), root),
        "NO_PROXY": "[::1],::1/128,fd07:b51a:cc66:f0::/64",
        "OPENAI_ORG_ID": "org-foreign",
        "OPENAI_ORGANIZATION": "org-foreign",
        "OPENAI_PROJECT_ID": "project-foreign",
        "OPENAI_API_KEY": "sk-foreign",
        "OPENAI_CUSTOM_HEADERS": "X-Foreign: foreign",
        "OPENAI_LOG": "debug",
        "LANGSMITH_TRACING": "true",
        "LANGCHAIN_TRACING_V2": "true",
        "LANGSMITH_ENDPOINT": root,
        "LANGCHAIN_ENDPOINT": root,
        "LANGSMITH_API_KEY": "lsv2_foreign",
        "LANGSMITH_GATEWAY": "true",
        "LANGSMITH_GATEWAY_URL": root,
        "LC_OUTPUT_VERSION": "responses/v1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    isolate_libraries.cache_clear()
    yield
    isolate_libraries.cache_clear()


def stream() -> str:
    async def collect() -> str:
        return "".join([piece async for piece in chat_provider.stream_chat(MESSAGES)])

    return asyncio.run(collect())


@pytest.mark.usefixtures("_hostile_environment")
def test_variables_of_libraries_change_neither_host_nor_headers(
    model: ModelServer, elsewhere: ModelServer
) -> None:
    assert stream() == chat_provider.complete_chat(MESSAGES).text == "Peanuts [1]."
    assert elsewhere.requests == []
    for request in model.requests:
        assert request["headers"]["Authorization"] == "Bearer sk-secret"
        assert "foreign" not in f"{request['headers']} {request['body']}".lower()


@pytest.mark.usefixtures("_hostile_environment")
def test_openai_is_asked_if_no_base_url_is_set(settings: Settings) -> None:
    settings.CHAT = ChatSettings("gpt-4.1-mini", api_key="sk-own")
    client = build_client(settings.CHAT)
    built = build_model(settings.CHAT, KnownHabits(), client)
    for library in (built.root_async_client, built.root_client):  # type: ignore[attr-defined]
        assert library.base_url.host == settings.CHAT.host == "api.openai.com"
        assert library.api_key == "sk-own"
        assert not library.organization
    asyncio.run(client.aclose())


@pytest.mark.parametrize(
    ("suffix", "path", "is_azure"),
    [
        ("", "/v1/chat/completions", False),
        ("/", "/v1/chat/completions", False),
        ("/chat/completions", "/v1/chat/completions", False),
        ("?api-version=2024-10-21", "/v1/chat/completions?api-version=2024-10-21", True),
        (
            "/deployments/o4/chat/completions?api-version=1",
            "/v1/deployments/o4/chat/completions?api-version=1",
            True,
        ),
    ],
)
def test_base_url_may_be_the_endpoint_and_have_a_query(
    model: ModelServer, settings: Settings, suffix: str, path: str, is_azure: bool
) -> None:
    settings.CHAT = replace(settings.CHAT, base_url=f"{model.url}{suffix}")
    assert stream() == "Peanuts [1]."
    [request] = model.requests
    assert request["path"] == path
    assert request["headers"]["api-key"] == "sk-secret"
    assert request["headers"]["Authorization"] == (None if is_azure else "Bearer sk-secret")


@pytest.mark.parametrize("is_whole", [False, True])
def test_redirect_to_another_host_is_refused(
    model: ModelServer, elsewhere: ModelServer, is_whole: bool
) -> None:
    model.habits = ChatHabits(redirect_to=f"{elsewhere.url}/chat/completions")
    with pytest.raises(ChatUnavailable, match="redirected"):
        chat_provider.complete_chat(MESSAGES) if is_whole else stream()
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/v1", "http://localhost:1/v1", "http://127.0.0.2:1/v1", "https://[::1]:1/v1"]
)
@pytest.mark.usefixtures("_hostile_environment")
def test_this_machine_is_never_asked_through_a_proxy(
    settings: Settings, elsewhere: ModelServer, url: str
) -> None:
    settings.CHAT = ChatSettings("talker", base_url=url, timeout_s=2.0)
    assert not settings.CHAT.is_hosted
    with pytest.raises(ChatUnavailable, match="unreachable"):
        stream()
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://[::1"),
        ("SSL_CERT_FILE", "/nonexistent"),
    ],
)
def test_unusable_variable_is_misconfigured_and_no_exception(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    settings.CHAT = ChatSettings("talker", base_url="https://models.example/v1", timeout_s=2.0)
    with pytest.raises(ChatUnavailable, match="misconfigured"):
        stream()


@pytest.mark.parametrize("url", ["models.example/v1", "ftp://models.example/v1", "http://[::1", "http://"])
def test_base_url_that_is_none_is_misconfigured_and_a_fault_at_start(settings: Settings, url: str) -> None:
    settings.CHAT = replace(ChatSettings("talker"), base_url=url)
    assert settings.CHAT.find_fault() is not None
    with pytest.raises(ChatUnavailable, match="misconfigured"):
        stream()


def test_unforeseen_exception_is_a_failure_with_a_code(
    model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("4711")

    monkeypatch.setattr("memories.providers.chat_api.requests.build_model", fail)
    with pytest.raises(ChatUnavailable, match="bad_answer") as raised:
        stream()
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
