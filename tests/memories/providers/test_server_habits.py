"""Servers that refuse what OpenAI takes: the provider adapts, remembers and says it; no text is lost or mixed up."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from pytest_django import Settings

from accounts.models import User
from memories.models import IndexState, Memory, MemoryVector
from memories.providers.embeddings import CheckedProvider, ProviderError, ProviderRejected, reset_provider
from memories.providers.embeddings_openai import SUCCESSES_BEFORE_FASTER, OpenAICompatibleEmbeddings
from memories.search.query import search_memories
from tests.chaos.report import IS_LONG, record
from tests.embedding_server import KEY, SERVERS, EmbeddingServer, Habits, running_embedding_server
from tests.factories import remember, session
from tests.providers import DIMENSIONS, WordHashes

BY_NAME = {habits.name: habits for habits in SERVERS}
MEMORIES = 200 if IS_LONG else 12
LONG_TEXT = " ".join(f"The {word} counted {word}s." for word in map("word{:03}".format, range(40)))


@pytest.fixture
def server(settings: Settings) -> Iterator[EmbeddingServer]:
    with running_embedding_server() as server:
        use_server(settings, server)
        yield server


def use_server(settings: Settings, server: EmbeddingServer) -> None:
    settings.EMBEDDING_PROVIDER = "openai"
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = server.url, KEY
    reset_provider()


@pytest.fixture
def use(server: EmbeddingServer, settings: Settings) -> Callable[[Habits], CheckedProvider]:
    """Return a function that gives the server other habits and returns a provider that does not know it yet."""

    def change(habits: Habits) -> CheckedProvider:
        server.habits = habits
        use_server(settings, server)
        return CheckedProvider(OpenAICompatibleEmbeddings())

    return change


def write_texts(number: int) -> list[str]:
    return [f"Note {at} is about topic{at} and nothing else." for at in range(number)]


def measure_cosines(texts: Sequence[str], vectors: Sequence[Sequence[float] | None]) -> list[float]:
    return [
        math.fsum(a * b for a, b in zip(WordHashes().embed_query(text), vector or [], strict=True))
        for text, vector in zip(texts, vectors, strict=True)
    ]


@pytest.mark.parametrize("habits", SERVERS, ids=lambda habits: habits.name)
def test_each_text_gets_its_own_vector_from_every_server(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer, habits: Habits
) -> None:
    provider = use(habits)
    texts = write_texts(70)
    assert min(measure_cosines(texts, provider.embed_documents(texts))) > 0.999
    server.requests.clear()
    assert min(measure_cosines(texts, provider.embed_documents(texts))) > 0.999
    largest = max(len(request.texts) for request in server.requests)
    assert len(server.requests) <= math.ceil(70 / largest) + 1  # what it refuses is not tried again


@pytest.mark.parametrize("name", ["ollama", "vllm", "tei", "llama.cpp"])
def test_text_over_the_token_limit_is_embedded_in_parts(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer, name: str
) -> None:
    provider = use(BY_NAME[name])
    texts = [*write_texts(3), LONG_TEXT]
    assert len(LONG_TEXT) > server.habits.max_characters
    cosines = measure_cosines(texts, provider.embed_documents(texts))
    assert min(cosines[:3]) > 0.999
    assert cosines[3] > 0.9
    assert "texts per request" not in provider.describe_habits()  # the number was not at fault


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("openai", ""),
        ("vllm", "without dimensions"),
        ("lm-studio", "without encoding_format"),
        ("base64-only", "without encoding_format"),
        ("dashscope", "10 texts per request"),
        ("tei", "32 texts per request"),
        ("azure", "16 texts per request"),
        ("one-text", "without dimensions, without encoding_format, one text per request, not as a list"),
    ],
)
def test_habits_are_told_to_the_operator(
    use: Callable[[Habits], CheckedProvider], name: str, described: str
) -> None:
    provider = use(BY_NAME[name])
    provider.embed_documents(write_texts(64))
    assert provider.describe_habits() == described


def test_key_reaches_azure_in_its_own_header_only(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer
) -> None:
    use(BY_NAME["azure"]).embed_query("hello")
    request = server.requests[-1]
    assert request.path == "/openai/deployments/my-own-name/embeddings?api-version=2024-10-21"
    assert request.headers["api-key"] == KEY
    assert "Authorization" not in request.headers


def test_refused_text_is_named_and_the_rest_is_not_blamed(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer
) -> None:
    provider = use(BY_NAME["openai"])
    texts = write_texts(64)
    server.refused = texts[41]
    with pytest.raises(ProviderRejected) as error_info:
        provider.embed_documents(texts)
    assert (error_info.value.code, error_info.value.position) == ("rejected", 41)
    assert len(server.requests) <= 2 + 2 * math.log2(64) + 2
    assert provider.describe_habits() == ""


def test_server_that_refuses_everything_is_not_the_texts_fault(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer
) -> None:
    provider = use(replace(BY_NAME["openai"], max_texts=0))
    with pytest.raises(ProviderRejected, match="refuses every text") as error_info:
        provider.embed_documents(write_texts(3))
    assert error_info.value.code == "incompatible"
    server.habits = BY_NAME["openai"]
    assert len(provider.embed_documents(write_texts(3))) == 3


def test_server_that_changes_its_habits_is_asked_anew(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer
) -> None:
    provider = use(BY_NAME["openai"])
    provider.embed_query("hello")
    server.habits = BY_NAME["vllm"]
    assert min(measure_cosines(["hello"], provider.embed_documents(["hello"]))) > 0.999
    assert provider.describe_habits() == "without dimensions"


def test_form_that_led_to_another_width_is_given_up(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer
) -> None:
    """A server that refuses everything for a moment must not be asked without dimensions for ever."""
    wide = Habits("openai", width=1536)
    provider = use(replace(wide, dimensions="refused"))
    with pytest.raises(ProviderRejected, match="returns 1536 dimensions"):
        provider.embed_documents(["hello"])
    server.habits = wide
    assert provider.embed_documents(["hello"])
    assert provider.describe_habits() == ""


def test_model_of_another_width_is_named(use: Callable[[Habits], CheckedProvider]) -> None:
    provider = use(Habits("ollama", width=768, dimensions="ignored"))
    with pytest.raises(
        ProviderRejected, match=r"returns 768 dimensions, but EMBEDDING_DIMENSIONS is 384"
    ) as info:
        provider.embed_query("hello")
    assert info.value.code == "wrong_dimensions"


def test_wide_model_is_projected_onto_the_columns_width(
    use: Callable[[Habits], CheckedProvider], server: EmbeddingServer, settings: Settings
) -> None:
    """A width that the server cannot be asked for: cosines stay, and the space is another one."""
    narrow = use(BY_NAME["openai"]).identity
    settings.EMBEDDING_MODEL_DIMENSIONS = 1536
    provider = use(Habits("ada-002", width=1536, dimensions="refused"))
    texts = ["a dog runs", "the hounds were running", "tax law of Sweden"]
    dog, hound, law = (vector or [] for vector in provider.embed_documents(texts))
    assert len(dog) == DIMENSIONS
    assert math.fsum(map(math.prod, zip(dog, hound, strict=True))) > 0.85
    assert abs(math.fsum(map(math.prod, zip(dog, law, strict=True)))) < 0.25
    assert all("dimensions" not in request.body for request in server.requests)
    assert provider.identity == f"{narrow} from 1536"


@pytest.mark.parametrize("indexes", [[1, 1, 2], [0, 1, None], ["0", "1", "2"]])
def test_contradictory_numbers_of_vectors_are_a_bad_answer(
    use: Callable[[Habits], CheckedProvider], monkeypatch: pytest.MonkeyPatch, indexes: list[object]
) -> None:
    from tests.embedding_server import _Handler

    rows = [{"index": index, "embedding": [1.0] * DIMENSIONS} for index in indexes]
    monkeypatch.setattr(_Handler, "_embed", lambda *_: {"data": rows})
    with pytest.raises(ProviderError) as error_info:
        use(BY_NAME["openai"]).embed_documents(["a", "b", "c"])
    assert error_info.value.code == "bad_answer"


def test_slow_server_gets_fewer_texts_until_it_manages(
    use: Callable[[Habits], CheckedProvider],
    server: EmbeddingServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.embedding_server import _Handler

    settings.EMBEDDING_TIMEOUT_S = 0.3
    provider = use(BY_NAME["openai"])
    embed = _Handler._embed

    def embed_slowly(handler: _Handler, request: object) -> dict[str, object]:
        if len(request.texts) > 16:  # type: ignore[attr-defined]
            time.sleep(0.5)
        return embed(handler, request)  # type: ignore[arg-type]

    monkeypatch.setattr(_Handler, "_embed", embed_slowly)
    texts = write_texts(64)
    for _ in range(2):
        with pytest.raises(ProviderError, match="timeout"):
            provider.embed_documents(texts)
    assert len(provider.embed_documents(texts)) == 64
    monkeypatch.setattr(_Handler, "_embed", embed)
    server.requests.clear()
    for _ in range(SUCCESSES_BEFORE_FASTER // 4 + 1):
        provider.embed_documents(texts)
    assert max(len(request.texts) for request in server.requests) == 32


@pytest.mark.django_db
@pytest.mark.parametrize("habits", SERVERS, ids=lambda habits: habits.name)
def test_memories_are_indexed_and_found_by_meaning_with_every_server(
    use: Callable[[Habits], CheckedProvider], index: Callable[[], int], ada: User, habits: Habits
) -> None:
    use(habits)
    for text in [*write_texts(MEMORIES - 2), "My puppy is called Rex.", LONG_TEXT]:
        remember(ada, text)
    assert index() == MEMORIES
    lost = Memory.objects.exclude(index_state=IndexState.READY).count()
    record(habits.name, tries=MEMORIES, lost=lost, what="memories not indexed")
    assert set(Memory.objects.values_list("index_state", flat=True)) == {IndexState.READY}
    assert not MemoryVector.objects.filter(embedding=None).exists()
    results = search_memories(session(ada), "hound")
    assert not results.degraded
    assert results.hits[0].memory.text == "My puppy is called Rex."


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["dashscope", "one-text"])
def test_memory_with_more_passages_than_a_request_takes_is_indexed(
    use: Callable[[Habits], CheckedProvider], index: Callable[[], int], ada: User, name: str
) -> None:
    use(BY_NAME[name])
    memory = remember(ada, " ".join(f"Word{number} is in sentence {number}." for number in range(270)))
    assert index() == 1
    vectors = MemoryVector.objects.filter(memory=memory)
    assert vectors.count() > 10
    assert not vectors.filter(embedding=None).exists()
