"""Embeddings: the protocol of a provider, the errors it may raise, and the choice of the configured one.

A provider turns texts into vectors whose inner product says how near their meanings are. Which one is
a setting; everything a provider answers is checked here, in one place, before anyone believes it.
"""

import math
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from core.circuit_breaker import CircuitBreaker

PROVIDERS = {
    "local": "memories.providers.embeddings_local.LocalEmbeddings",
    "openai": "memories.providers.embeddings_openai.OpenAICompatibleEmbeddings",
}

MAX_QUEUE_WAIT_S = 0.5  # for a question, behind those of the other threads
QUERY_ERROR = "bad_answer"  # a model may have no finite vector for one text, and fine ones for all others


class EmbeddingProvider(Protocol):
    """What a provider must offer; the class is made without arguments.

    `identity` names the embedding space: vectors are comparable only where it is the same.
    """

    identity: str
    dimensions: int

    def embed_query(self, text: str) -> list[float]: ...

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]: ...


class ProviderError(Exception):
    """`code` is one short word for logs and rows. Neither it nor the message ever holds a text."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


class ProviderUnavailable(ProviderError):
    """Try again later, after `retry_after_s` seconds when the provider said so.

    Codes: timeout, rate_limited, unreachable, server_error, bad_answer; for a question also busy, left_alone.
    """

    def __init__(self, code: str, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class ProviderRejected(ProviderError):
    """These texts or this configuration will never work.

    Codes: rejected, unauthorized, not_found, misconfigured, wrong_dimensions, wrong_file.
    """


def get_provider() -> EmbeddingProvider:
    """The provider of `settings.EMBEDDING_PROVIDER`, made once per process and checked at every answer.

    Raises ProviderRejected when its configuration cannot work, ImportError for an unknown dotted path.
    """
    with _provider_lock:  # threads that ask first at the same moment must not each load a model
        return _build_provider(settings.EMBEDDING_PROVIDER)


def reset_provider() -> None:
    """Make the provider anew at its next use. Neither the threads of a loaded model nor a connection survive a fork."""
    global _provider_lock
    _provider_lock = threading.Lock()
    _build_provider.cache_clear()


@lru_cache(maxsize=1)
def _build_provider(name: str) -> EmbeddingProvider:
    return CheckedProvider(import_string(PROVIDERS.get(name, name))())


_provider_lock = threading.Lock()
os.register_at_fork(after_in_child=reset_provider)


class CheckedProvider:
    """A provider whose answers are what they promise: one finite unit vector of `dimensions` per text.

    Whoever asks a question holds a thread that answers requests. So only half of the threads wait for a provider at
    once, and after it failed it is left alone for a while: the others are told at once that it is unavailable. What
    one question alone can bring about is no such failure.
    """

    def __init__(self, inner: EmbeddingProvider) -> None:
        self.inner = inner
        self.identity = inner.identity
        self.dimensions = inner.dimensions
        _check_dimensions(inner.dimensions, inner.identity)
        self._waiting = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))
        self._breaker = CircuitBreaker()

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question. Raises ProviderUnavailable or ProviderRejected."""
        if self._breaker.is_open:
            raise ProviderUnavailable("left_alone")
        if not self._waiting.acquire(timeout=MAX_QUEUE_WAIT_S):
            raise ProviderUnavailable("busy")
        try:
            return self._check_vector(self.inner.embed_query(text))
        except ProviderUnavailable as error:
            if error.code != QUERY_ERROR:
                self._breaker.record_failure(error.retry_after_s)
            raise
        finally:
            self._waiting.release()

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector per text, in order. Raises ProviderUnavailable or ProviderRejected for all."""
        if not texts:
            return []
        vectors = self.inner.embed_documents(texts)
        if len(vectors) != len(texts):
            raise ProviderUnavailable("bad_answer", f"asked for {len(texts)} vectors, got {len(vectors)}")
        return [self._check_vector(vector) for vector in vectors]

    def _check_vector(self, vector: object) -> list[float]:
        if not isinstance(vector, Sequence):
            raise ProviderUnavailable("bad_answer", "a vector is not a list")
        _check_dimensions(len(vector), self.identity)
        return normalize_vector(vector)


def normalize_vector(vector: Sequence[float]) -> list[float]:
    """The vector at length 1. Raises ProviderUnavailable when it has no length or holds no numbers."""
    try:
        length = math.hypot(*vector)  # infinite or NaN as soon as one component is
    except TypeError:
        length = math.nan
    if not math.isfinite(length) or length == 0:
        raise ProviderUnavailable("bad_answer", "a vector is not finite or has no length")
    return [component / length for component in vector]


def _check_dimensions(dimensions: int, identity: str) -> None:
    if dimensions != settings.EMBEDDING_DIMENSIONS:
        wanted = settings.EMBEDDING_DIMENSIONS
        message = f"{identity} gives {dimensions} dimensions, EMBEDDING_DIMENSIONS says {wanted}"
        raise ProviderRejected("wrong_dimensions", message)
