"""The contract of every embedding provider, and the OpenAI-compatible one against a real HTTP server."""

import json
import logging
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Semaphore, Thread
from typing import Any

import pytest
from pytest_django import Settings

from core.circuit_breaker import OPEN_S
from memories import embeddings as public_embeddings
from memories.providers.embeddings import (
    PROBE_TEXT,
    CheckedProvider,
    EmbeddingProvider,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    get_provider,
)
from memories.providers.embeddings_api import parse_retry_after
from memories.providers.embeddings_openai import OpenAICompatibleEmbeddings
from tests.providers import DIMENSIONS, SYNONYMS, Failing, Flaky, WordHashes

SECRET = "my locker code is 4711"


class Answering(WordHashes):
    """A provider that returns the given vectors."""

    def __init__(self, *vectors: list[float]) -> None:
        self.vectors = list(vectors)

    def embed_query(self, text: str) -> list[float]:
        return self.vectors[0]

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return self.vectors


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


# --- Validation of results --------------------------------------------------------------------------


def test_vectors_have_unit_length() -> None:
    checked = CheckedProvider(Answering([3.0, 4.0] + [0.0] * (DIMENSIONS - 2)))
    for vector in (checked.embed_query("a"), *checked.embed_documents(["a"])):
        assert vector is not None
        assert vector[:2] == [0.6, 0.8]


@pytest.mark.parametrize(
    "bad", [[math.nan] * DIMENSIONS, [math.inf] * DIMENSIONS, [0.0] * DIMENSIONS, ["1"] * DIMENSIONS]
)
def test_vector_without_direction_is_a_bad_answer(bad: Any) -> None:
    with pytest.raises(ProviderUnavailable) as error_info:
        CheckedProvider(Answering(bad)).embed_query(SECRET)
    assert error_info.value.code == "bad_answer"


def test_missing_vector_is_a_bad_answer() -> None:
    with pytest.raises(ProviderUnavailable) as error_info:
        CheckedProvider(Answering([1.0] * DIMENSIONS)).embed_documents(["a", "b"])
    assert error_info.value.code == "bad_answer"


def test_queries_are_embedded_together_if_the_provider_can() -> None:
    class Together(WordHashes):
        asked: list[list[str]] = []

        def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
            self.asked.append([*texts])
            return [super(Together, self).embed_query(text) for text in texts]

    one_by_one = CheckedProvider(WordHashes()).embed_queries(["red tea", "tea"])
    assert CheckedProvider(Together()).embed_queries(["red tea", "tea"]) == one_by_one
    assert Together.asked == [["red tea", "tea"]]


def test_missing_vector_of_a_query_is_a_bad_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WordHashes, "embed_queries", lambda self, texts: [[1.0] * DIMENSIONS], raising=False)
    with pytest.raises(ProviderUnavailable, match="another number"):
        CheckedProvider(WordHashes()).embed_queries(["a", "b"])


def test_vector_with_wrong_dimensions_is_rejected() -> None:
    with pytest.raises(ProviderRejected) as error_info:
        CheckedProvider(Answering([1.0] * 3)).embed_query("a")
    assert error_info.value.code == "wrong_dimensions"


def test_provider_with_wrong_dimensions_is_rejected(settings: Settings) -> None:
    settings.EMBEDDING_DIMENSIONS = 512
    with pytest.raises(ProviderRejected, match="384 dimensions, but EMBEDDING_DIMENSIONS is 512"):
        CheckedProvider(WordHashes())


def test_no_texts_cause_no_request() -> None:
    assert CheckedProvider(Failing()).embed_documents([]) == []


# --- Configuration ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_fresh_provider")
@pytest.mark.parametrize(
    ("setting", "identity"),
    [
        ("local", "local:all-MiniLM-L6-v2-int8"),
        ("openai", "openai:text-embedding-3-small@https://models.example:8443"),
        ("tests.providers.WordHashes", "test:word-hashes"),
    ],
)
def test_setting_selects_provider(settings: Settings, setting: str, identity: str) -> None:
    settings.EMBEDDING_PROVIDER = setting
    settings.EMBEDDING_MODEL = "text-embedding-3-small"
    settings.OPENAI_BASE_URL = "https://name:password@models.example:8443/v1"
    assert get_provider().identity == identity
    assert get_provider() is get_provider()


def test_concurrent_first_calls_share_one_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[WordHashes] = []

    def make_slowly() -> WordHashes:
        time.sleep(0.05)
        created.append(WordHashes())
        return created[-1]

    monkeypatch.setattr("memories.providers.embeddings.import_string", lambda _: make_slowly)
    threads = [Thread(target=get_provider) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(created) == 1


def test_import_loads_no_heavy_module() -> None:
    modules = "providers.embeddings", "index.keywords", "index.passages", "index.vectors"
    script = f"""
import sys, {", ".join(f"memories.{name}" for name in modules)}
heavy = {{"numpy", "onnxruntime", "tokenizers", "langchain_core", "langchain_openai", "openai"}}
print(*heavy & sys.modules.keys())"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == []


# --- Test providers ---------------------------------------------------------------------------------


def test_word_hashes_make_shared_words_and_synonyms_similar() -> None:
    embed = WordHashes().embed_query
    assert dot(embed("a dog runs"), embed("the hounds were running")) > 0.9
    assert dot(embed("walk the dog"), embed("dog food")) > 0.3
    assert abs(dot(embed("walk the dog"), embed("tax law"))) < 0.2
    for group in SYNONYMS:
        assert all(dot(embed(group[0]), embed(word)) > 0.999 for word in group)


def test_flaky_fails_its_share_of_calls() -> None:
    flaky, failed = Flaky(share=0.2, seed=7), 0
    for _ in range(200):
        try:
            flaky.embed_query("a")
        except ProviderUnavailable:
            failed += 1
    assert 20 <= failed <= 60


# --- The OpenAI-compatible provider -----------------------------------------------------------------


class Server(HTTPServer):
    """An embeddings endpoint that records requests and sends a configurable response."""

    status = 200
    headers: dict[str, str] = {}
    body: bytes | None = None  # None: a valid response
    delay_s = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Endpoint)
        self.requests: list[tuple[str, dict[str, Any]]] = []


class Endpoint(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, sent))
        time.sleep(self.server.delay_s)
        body = self.server.body if self.server.body is not None else build_response(sent)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Suppress the request log."""


def build_response(sent: dict[str, Any], dimensions: int = DIMENSIONS) -> bytes:
    vectors = [[float(len(text))] + [1.0] * (dimensions - 1) for text in sent["input"]]
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return json.dumps({"object": "list", "model": "m", "data": data, "usage": usage}).encode()


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    with Server() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.server_port}/v1"
        settings.OPENAI_API_KEY = "sk-secret"
        settings.EMBEDDING_MODEL = "text-embedding-3-small"
        yield server
        server.shutdown()


@pytest.fixture
def remote(server: Server) -> EmbeddingProvider:
    return CheckedProvider(OpenAICompatibleEmbeddings())


def get_failure(remote: EmbeddingProvider) -> ProviderError:
    with pytest.raises(ProviderError) as error_info:
        remote.embed_documents([SECRET])
    error = error_info.value
    assert "4711" not in f"{error!r} {error}"
    assert (error.__cause__, error.__context__) == (None, None)  # the library's errors contain the request
    return error


def test_model_and_dimensions_are_sent_and_vectors_are_in_order(
    remote: EmbeddingProvider, server: Server
) -> None:
    one, three = remote.embed_documents(["a", "abc"])
    assert one is not None
    assert three is not None
    assert three[0] / three[1] == pytest.approx(3 * one[0] / one[1])
    path, sent = server.requests[0]
    assert path == "/v1/embeddings"
    assert sent == {
        "model": "text-embedding-3-small",
        "dimensions": DIMENSIONS,
        "encoding_format": "float",
        "input": ["a", "abc"],
    }


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, ProviderRejected, "unauthorized"),
        (404, ProviderRejected, "not_found"),
        (402, ProviderRejected, "no_credit"),
        (408, ProviderUnavailable, "timeout"),
        (429, ProviderUnavailable, "rate_limited"),
        (500, ProviderUnavailable, "server_error"),
        (503, ProviderUnavailable, "server_error"),
    ],
)
def test_status_determines_whether_to_retry(
    remote: EmbeddingProvider, server: Server, status: int, kind: type[ProviderError], code: str
) -> None:
    server.status, server.body = status, json.dumps({"error": {"message": f"cannot embed {SECRET}"}}).encode()
    error = get_failure(remote)
    assert (type(error), error.code) == (kind, code)
    assert len(server.requests) == 1  # the worker retries, not the provider


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refusal_of_everything_is_about_the_server(
    remote: EmbeddingProvider, server: Server, status: int
) -> None:
    server.status, server.body = status, json.dumps({"error": {"message": f"cannot embed {SECRET}"}}).encode()
    error = get_failure(remote)
    assert (type(error), error.code) == (ProviderRejected, "incompatible")
    assert [sent["input"] for _, sent in server.requests[1:-1]] == [
        [PROBE_TEXT]
    ] * 4  # no user's text is repeated


def test_retry_after_sets_the_wait(remote: EmbeddingProvider, server: Server) -> None:
    server.status, server.headers, server.body = 429, {"Retry-After": "17"}, b"{}"
    error = get_failure(remote)
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after_s == 17


def test_retry_after_can_be_a_date() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert parse_retry_after(moment) == pytest.approx(60, abs=2)
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert parse_retry_after("soon") is parse_retry_after("") is parse_retry_after(None) is None
    assert parse_retry_after("1.5") == 1.5


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'"text"', b"{}", b'{"data": null}', b'{"data": [{}]}', b"[1]"]
)
def test_invalid_response_is_a_bad_answer(remote: EmbeddingProvider, server: Server, body: bytes) -> None:
    server.body = body
    assert get_failure(remote).code == "bad_answer"


def test_model_with_wrong_dimensions_is_rejected(remote: EmbeddingProvider, server: Server) -> None:
    server.body = build_response({"input": ["a"]}, dimensions=768)
    error = get_failure(remote)
    assert (type(error), error.code) == (ProviderRejected, "wrong_dimensions")


def test_slow_server_is_a_timeout(remote: EmbeddingProvider, server: Server, settings: Settings) -> None:
    settings.EMBEDDING_TIMEOUT_S, server.delay_s = 0.1, 0.3
    assert get_failure(remote).code == "timeout"


def test_absent_server_is_unreachable(settings: Settings) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    assert get_failure(CheckedProvider(OpenAICompatibleEmbeddings())).code == "unreachable"


def test_openai_requires_a_key(settings: Settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    with pytest.raises(ProviderRejected, match="OPENAI_API_KEY is not set"):
        OpenAICompatibleEmbeddings()


def test_logs_contain_no_text_and_no_key(remote: EmbeddingProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    remote.embed_documents([SECRET])
    assert "4711" not in caplog.text
    assert "sk-secret" not in caplog.text


class Hanging(WordHashes):
    """A provider that blocks every query until it is released."""

    def __init__(self) -> None:
        self.started, self.released = Semaphore(0), Event()

    def embed_query(self, text: str) -> list[float]:
        self.started.release()
        self.released.wait(30)
        raise ProviderUnavailable("timeout")


def test_at_most_half_of_threads_wait_for_hanging_provider(settings: Settings) -> None:
    settings.WEB_THREADS = 4
    hanging = Hanging()
    checked = CheckedProvider(hanging)
    blocked = [Thread(target=_ask, args=[checked]) for _ in range(2)]
    for thread in blocked:
        thread.start()
        hanging.started.acquire()
    assert _ask(checked) == "busy"
    hanging.released.set()
    for thread in blocked:
        thread.join()


def test_names_of_release_0_1_can_still_be_imported() -> None:
    names = {
        *("CheckedProvider", "EmbeddingProvider", "ProviderError", "ProviderRejected", "ProviderUnavailable"),
        *("forget_provider", "provider", "unit"),
    }
    assert set(public_embeddings.__all__) == names
    assert public_embeddings.provider is get_provider
    assert public_embeddings.EmbeddingProvider is EmbeddingProvider


def test_failure_opens_circuit_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("core.circuit_breaker.time.monotonic", lambda: now[0])
    checked = CheckedProvider(Failing())
    assert [_ask(checked), _ask(checked)] == ["unreachable", "left_alone"]
    now[0] += OPEN_S
    assert _ask(checked) == "unreachable"


def test_error_of_one_query_does_not_open_circuit_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = CheckedProvider(WordHashes())
    with monkeypatch.context() as patch:
        patch.setattr(WordHashes, "embed_query", lambda *_: [math.nan] * DIMENSIONS)
        assert _ask(checked) == "bad_answer"
    assert _ask(checked) == ""


def _ask(checked: CheckedProvider) -> str:
    try:
        checked.embed_query("a question")
    except ProviderUnavailable as error:
        return error.code
    return ""
