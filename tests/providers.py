"""Deterministic embedding providers for tests. EMBEDDING_PROVIDER is their dotted path."""

import hashlib
import math
import random
import time
from collections.abc import Sequence
from functools import lru_cache

from memories.index import keywords
from memories.index.languages import get_language
from memories.providers.embeddings import ProviderUnavailable, normalize_vector

ENGLISH = get_language("en")
DIMENSIONS = 384
SYNONYMS = (
    ("dog", "puppy", "hound"),
    ("car", "automobile", "vehicle"),
    ("coffee", "espresso"),
    ("bicycle", "bike"),
    ("doctor", "physician"),
)


class WordHashes:
    """Texts that share words or synonyms (SYNONYMS) are similar; all others are nearly orthogonal."""

    identity = "test:word-hashes"
    dimensions = DIMENSIONS

    def embed_query(self, text: str) -> list[float]:
        directions = [
            _compute_direction(_get_meaning(stem)) for stem in keywords.extract_words(text, ENGLISH)
        ] or [_compute_direction("")]
        return normalize_vector([math.fsum(components) for components in zip(*directions, strict=True)])

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class LatinWordHashes(WordHashes):
    """WordHashes, but a text without letters of ASCII means nothing to it."""

    def embed_query(self, text: str) -> list[float] | None:  # type: ignore[override]
        return super().embed_query(text) if any(each.isascii() and each.isalpha() for each in text) else None

    def embed_documents(self, texts: Sequence[str]) -> list[list[float] | None]:  # type: ignore[override]
        return [self.embed_query(text) for text in texts]


class Failing(WordHashes):
    """WordHashes, but every call fails."""

    def embed_query(self, text: str) -> list[float]:
        raise ProviderUnavailable("unreachable")

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        raise ProviderUnavailable("unreachable")


class Flaky(WordHashes):
    """WordHashes, but the given share of calls fails: the same calls for the same seed."""

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


def _get_meaning(stem: str) -> str:
    return _map_synonyms().get(stem, stem)


@lru_cache(maxsize=1)
def _map_synonyms() -> dict[str, str]:
    """Map the stem of each synonym to the stem of the first word in its group."""
    stems = [[keywords.extract_words(word, ENGLISH)[0] for word in group] for group in SYNONYMS]
    return {stem: group[0] for group in stems for stem in group}


@lru_cache(maxsize=10_000)
def _compute_direction(stem: str) -> tuple[float, ...]:
    """Return a unit vector for the stem, with signs from a hash. Shape: (DIMENSIONS,)."""
    bits = int.from_bytes(hashlib.shake_256(stem.encode()).digest(DIMENSIONS // 8), "big")
    return tuple((1.0 if bits >> bit & 1 else -1.0) / math.sqrt(DIMENSIONS) for bit in range(DIMENSIONS))


class SlowAndFlaky(Flaky):
    """Slow, and one call in five fails, so that a worker can be killed in the middle of its work."""

    def __init__(self) -> None:
        super().__init__(share=0.2, seed=random.randrange(1_000))

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        time.sleep(0.02 * len(texts))
        return super().embed_documents(texts)
