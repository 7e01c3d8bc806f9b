"""Deterministic embedding providers for tests; EMBEDDING_PROVIDER names them by their dotted path."""

import hashlib
import math
import random
import time
from collections.abc import Sequence
from functools import lru_cache

from memories.index import keywords
from memories.providers.embeddings import ProviderUnavailable, normalize_vector

DIMENSIONS = 384
SYNONYMS = (
    ("dog", "puppy", "hound"),
    ("car", "automobile", "vehicle"),
    ("coffee", "espresso"),
    ("bicycle", "bike"),
    ("doctor", "physician"),
)


class WordHashes:
    """Texts that share words, or synonyms of SYNONYMS, are near; all others nearly at right angles."""

    identity = "test:word-hashes"
    dimensions = DIMENSIONS

    def embed_query(self, text: str) -> list[float]:
        directions = [_direction(_meaning(stem)) for stem in keywords.extract_words(text)] or [_direction("")]
        return normalize_vector([math.fsum(components) for components in zip(*directions, strict=True)])

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Failing(WordHashes):
    """The provider of WordHashes while it is down."""

    def embed_query(self, text: str) -> list[float]:
        raise ProviderUnavailable("unreachable")

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        raise ProviderUnavailable("unreachable")


class Flaky(WordHashes):
    """Fails the given share of its calls, the same ones for the same seed."""

    def __init__(self, share: float = 0.5, seed: int = 0) -> None:
        self.share = share
        self._random = random.Random(seed)

    def embed_query(self, text: str) -> list[float]:
        self._maybe_fail()
        return super().embed_query(text)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self._maybe_fail()
        return [WordHashes.embed_query(self, text) for text in texts]

    def _maybe_fail(self) -> None:
        if self._random.random() < self.share:
            raise ProviderUnavailable("unreachable", retry_after_s=0.1)


def _meaning(stem: str) -> str:
    return _meanings().get(stem, stem)


@lru_cache(maxsize=1)
def _meanings() -> dict[str, str]:
    """The stem of each synonym to the stem of its group's first word."""
    stems = [[keywords.extract_words(word)[0] for word in group] for group in SYNONYMS]
    return {stem: group[0] for group in stems for stem in group}


@lru_cache(maxsize=10_000)
def _direction(stem: str) -> tuple[float, ...]:
    """A random direction of the stem's own: signs from a hash, at unit length."""
    bits = int.from_bytes(hashlib.shake_256(stem.encode()).digest(DIMENSIONS // 8), "big")
    return tuple((1.0 if bits >> at & 1 else -1.0) / math.sqrt(DIMENSIONS) for at in range(DIMENSIONS))


class SlowAndFlaky(Flaky):
    """Takes its time and fails one call in five, so that a worker can be killed in the middle of its work."""

    def __init__(self) -> None:
        super().__init__(share=0.2, seed=random.randrange(1_000))

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        time.sleep(0.02 * len(texts))
        return super().embed_documents(texts)
