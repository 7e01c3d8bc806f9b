"""Corrupt responses of providers: each has its error code, none is accepted, and none takes long."""

import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from memories.providers import chat
from memories.providers.chat_api.errors import ChatUnavailable
from memories.providers.chat_settings import ChatSettings
from memories.providers.embeddings import CheckedProvider, ProviderUnavailable
from memories.providers.embeddings_openai import OpenAICompatibleEmbeddings
from tests.chaos.fault_proxy import RETRY_AFTER_S, Fault, FaultProxy
from tests.model_server import ModelServer

SECRET = "my locker code is 4711"
CODES = {
    Fault.RESET: "unreachable",
    Fault.TRUNCATED: "unreachable",
    Fault.SILENT: "unreachable",
    Fault.TRICKLING: "timeout",
    Fault.LIMITED: "rate_limited",
    Fault.GARBAGE: "unreachable",
    Fault.HALF_JSON: "bad_answer",
    Fault.HTML: "bad_answer",
}
TIMEOUT_S, TRICKLE_S = 0.5, 20


@pytest.fixture(scope="module")
def proxy() -> Iterator[FaultProxy]:
    with ModelServer() as provider, FaultProxy(provider.server_port) as proxy:
        yield proxy


@pytest.fixture
def base_url(proxy: FaultProxy) -> Iterator[str]:
    yield f"http://127.0.0.1:{proxy.server_port}/v1"
    proxy.fault = Fault.NONE


@pytest.fixture
def remote(base_url: str, settings: Settings) -> CheckedProvider:
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = base_url, "sk-secret"
    return CheckedProvider(OpenAICompatibleEmbeddings())


def test_every_fault_has_its_code() -> None:
    assert {*CODES, Fault.NONE} == set(Fault)


@pytest.mark.parametrize(("fault", "code"), CODES.items(), ids=lambda each: getattr(each, "value", each))
def test_corrupt_response_has_its_code_and_ends_in_time(
    remote: CheckedProvider, proxy: FaultProxy, settings: Settings, fault: Fault, code: str
) -> None:
    if fault is Fault.TRICKLING:  # the others fail at once
        settings.EMBEDDING_TIMEOUT_S = TIMEOUT_S
    proxy.fault, began = fault, time.monotonic()
    with pytest.raises(ProviderUnavailable) as error_info:
        remote.embed_documents([SECRET])
    assert error_info.value.code == code
    assert error_info.value.retry_after_s == (RETRY_AFTER_S if fault is Fault.LIMITED else None)
    assert "4711" not in f"{error_info.value!r} {error_info.value}"
    assert time.monotonic() - began < TRICKLE_S


def test_request_after_a_fault_succeeds(remote: CheckedProvider, proxy: FaultProxy) -> None:
    for fault in (Fault.RESET, Fault.GARBAGE, Fault.HALF_JSON):
        proxy.fault = fault
        with pytest.raises(ProviderUnavailable):
            remote.embed_documents(["a"])
        proxy.fault = Fault.NONE
        assert len(remote.embed_documents(["a", "b"])) == 2


def test_trickling_chat_answer_times_out(base_url: str, proxy: FaultProxy, settings: Settings) -> None:
    settings.CHAT = ChatSettings("talker", base_url=base_url, timeout_s=TIMEOUT_S)
    proxy.fault, began = Fault.TRICKLING, time.monotonic()
    with pytest.raises(ChatUnavailable) as error_info:
        chat.complete_chat([("human", "Say much. " * 1_000)])
    assert error_info.value.code == "timeout"
    assert time.monotonic() - began < TRICKLE_S
