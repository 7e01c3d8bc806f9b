"""Embeddings by OpenAI or any server with its API (Ollama, vLLM, llama.cpp, LM Studio, OpenRouter, Azure, ...).

Servers differ in the optional fields, the number of texts and the length of a text that they take. The provider finds
out when the server refuses a request, by asking it with a fixed text, and remembers it as long as the process runs.
Requests are not retried here after other failures; the indexing worker does that.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from core.hosts import OPENAI_URL
from memories.providers import embeddings_api as api
from memories.providers.embeddings import (
    PROBE_TEXT,
    ProviderError,
    ProviderRejected,
    normalize_vector,
)
from memories.providers.http_client import ProviderClient, silence_loggers

MAX_TEXTS = 256  # per request, unless the server takes fewer
SUCCESSES_BEFORE_FASTER = 20
LEAST_CHARACTERS = 64  # a refused text is embedded in parts that are at least so long

logger = logging.getLogger(__name__)


class OpenAICompatibleEmbeddings:
    """The model EMBEDDING_MODEL at OPENAI_BASE_URL; texts leave this machine.

    Creating it raises ProviderRejected (misconfigured) for OpenAI itself without a key.
    """

    def __init__(self) -> None:
        self.dimensions: int = settings.EMBEDDING_DIMENSIONS
        self._base_url: str = settings.OPENAI_BASE_URL or OPENAI_URL
        if not settings.OPENAI_API_KEY and not settings.OPENAI_BASE_URL:
            raise ProviderRejected("misconfigured", "OPENAI_API_KEY is not set")
        self._model_dimensions: int = settings.EMBEDDING_MODEL_DIMENSIONS or self.dimensions
        self.identity = f"openai:{settings.EMBEDDING_MODEL}@{_get_origin(self._base_url)}"
        if self._is_projected:
            self.identity += f" from {self._model_dimensions}"
        self._forms = api.list_forms(may_ask_dimensions=not self._is_projected)
        self._form = self._forms[0]
        self._max_texts = MAX_TEXTS
        self._pace = _Pace()

    def embed_query(self, text: str) -> list[float]:
        """Return the server's vector, not normalized. Raises ProviderUnavailable or ProviderRejected."""
        return self.embed_documents([text])[0]

    def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vectors of queries in order by one request, as embed_documents does."""
        return self.embed_documents(texts)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the server's vectors in order, not normalized. Raises ProviderUnavailable or ProviderRejected."""
        try:
            vectors = self._embed_texts(list(texts))
            if any(len(vector) != self._model_dimensions for vector in vectors):
                self._form = self._forms[0]  # without `dimensions`, a model may have another width
            return self._project(vectors) if self._is_projected else vectors
        except api.RefusedRequest as refusal:
            problem: ProviderError = ProviderRejected("rejected", str(refusal), position=refusal.position)
        except httpx2.HTTPError as error:
            problem = api.map_http_error(error)
        # Raised outside `except`, so that no traceback contains the library's error with the request.
        raise problem

    def describe_habits(self) -> str:
        """Return what this server has turned out not to take, for the operator; empty if it takes all."""
        words = self._form.describe()
        if self._max_texts < MAX_TEXTS and self._form.is_list:
            words.append(f"{self._max_texts} texts per request")
        return ", ".join(words)

    @property
    def _is_projected(self) -> bool:
        return self._model_dimensions != self.dimensions

    def _embed_texts(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        with suppress(api.RefusedRequest):
            while len(vectors) < len(texts):
                vectors += self.request_vectors(texts[len(vectors) : len(vectors) + self.max_texts])
            return vectors
        self._find_form()
        return [*vectors, *_Splitter(self, len(vectors)).embed_texts(texts[len(vectors) :])]

    @property
    def max_texts(self) -> int:
        """How many texts a request can have, by what the server takes and by what it manages in time."""
        return min(self._max_texts, self._pace.max_texts) if self._form.is_list else 1

    def lower_max_texts(self, size: int) -> None:
        """Remember that the server takes at most so many texts per request."""
        if size < self._max_texts:
            self._max_texts = size
            logger.info("the embedding provider takes %d texts per request", size)

    def request_vectors(self, texts: Sequence[str], form: api.RequestForm | None = None) -> list[list[float]]:
        """Return the vectors by one request. Raises RefusedRequest, ProviderError or httpx2.HTTPError."""
        body = (form or self._form).build_body(settings.EMBEDDING_MODEL, texts, self.dimensions)
        try:
            response = self._client.post(api.build_url(self._base_url), json=body, headers=self._headers)
        except httpx2.ReadTimeout:
            self._pace.record_timeout(len(texts))
            raise
        api.raise_for_response(response)
        self._pace.record_success(len(texts))
        return api.parse_vectors(response, len(texts))

    def _find_form(self) -> None:
        """Find a form in which the server takes a fixed text, beginning with the present one.

        Raises ProviderRejected ("incompatible") if it takes the text in none of them.
        """
        for form in (self._form, *(each for each in self._forms if each != self._form)):
            try:
                self.request_vectors([PROBE_TEXT], form)
            except api.RefusedRequest as refusal:
                status = refusal.status
                continue
            if form != self._form:
                self._form = form
                logger.info("the embedding provider is asked %s", ", ".join(form.describe()) or "in full")
            return
        raise ProviderRejected(
            "incompatible", f"the server refuses every text, in every form (HTTP {status})"
        )

    def _project(self, vectors: list[list[float]]) -> list[list[float]]:
        from memories.providers.projection import project_vectors

        for vector in vectors:
            if len(vector) != self._model_dimensions:
                message = (
                    f"{settings.EMBEDDING_MODEL} returns {len(vector)} dimensions, "
                    f"but EMBEDDING_MODEL_DIMENSIONS is {self._model_dimensions}"
                )
                raise ProviderRejected("wrong_dimensions", message)
        return project_vectors(vectors, self.dimensions)

    @cached_property
    def _client(self) -> ProviderClient:
        silence_loggers()
        return ProviderClient(self._base_url, settings.EMBEDDING_TIMEOUT_S)

    @cached_property
    def _headers(self) -> dict[str, str]:
        return api.build_headers(self._base_url, settings.OPENAI_API_KEY)


class _Pace:
    """How many texts a slow server embeds within the time limit: half after a timeout, twice after many successes."""

    def __init__(self) -> None:
        self.max_texts = MAX_TEXTS
        self._successes = 0

    def record_timeout(self, count: int) -> None:
        if count > 1:
            self.max_texts, self._successes = max(1, min(self.max_texts, count) // 2), 0

    def record_success(self, count: int) -> None:
        self._successes += count >= self.max_texts
        if self._successes >= SUCCESSES_BEFORE_FASTER:
            self.max_texts, self._successes = min(MAX_TEXTS, 2 * self.max_texts), 0


class _Splitter:
    """Embeds texts of which the server refused a request: with fewer texts each, and a long text in parts.

    first: the position of the first text among all. Raises RefusedRequest with the position of a text that the server
    refuses on its own, whatever its length.
    """

    def __init__(self, provider: OpenAICompatibleEmbeddings, first: int) -> None:
        self._provider = provider
        self._first = first
        self._divided = 0  # texts embedded in parts

    def embed_texts(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        while len(vectors) < len(texts):
            at = len(vectors)
            vectors += self._embed_piece(texts[at : at + self._provider.max_texts], self._first + at)
        return vectors

    def _embed_piece(self, texts: list[str], start: int) -> list[list[float]]:
        try:
            return self._provider.request_vectors(texts)
        except api.RefusedRequest as refusal:
            size = refusal.suggest_size(len(texts))
            status = refusal.status
        if len(texts) == 1:
            return [self._embed_divided(texts[0], status, start)]
        divided_before = self._divided
        vectors: list[list[float]] = []
        for at in range(0, len(texts), size):
            vectors += self._embed_piece(texts[at : at + size], start + at)
        if self._divided == divided_before:  # each text is well, so there were too many of them
            self._provider.lower_max_texts(size)
        return vectors

    def _embed_divided(self, text: str, status: int, position: int) -> list[float]:
        """Return the mean direction of the text's two halves, each by the share of its length."""
        if len(text) < 2 * LEAST_CHARACTERS:
            raise api.RefusedRequest(status, position=position)
        self._divided += 1
        middle = _find_middle(text)
        halves = [text[:middle], text[middle:]]
        one, other = (normalize_vector(self._embed_piece([half], position)[0]) for half in halves)
        return [(middle * a + (len(text) - middle) * b) / len(text) for a, b in zip(one, other, strict=True)]


def _find_middle(text: str) -> int:
    """Return where the text is halved: at the blank closest to its middle in its inner half, if there is one."""
    middle, quarter = len(text) // 2, len(text) // 4
    blanks = [at for at in range(middle - quarter, middle + quarter) if text[at].isspace()]
    return min(blanks, key=lambda at: abs(at - middle), default=middle)


def _get_origin(url: str) -> str:
    """Return scheme, host and port, without a password in the URL."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"
