"""Embeds a batch of memories: vectors or an error for each, and who is to blame for the error.

Most errors are the provider's, and all memories of the batch wait. A text that the provider rejects fails alone, for
good. Two errors can be either's: `misconfigured` (an unexpected error) and `bad_answer` (such as a vector that is not
finite); there the batch is halved, as long as one half of it succeeds.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from accounts.fields import DecryptError
from memories.index import spaces, work_queue
from memories.index.languages import Language, read_owner_languages
from memories.index.passages import split_passages
from memories.models import Memory
from memories.providers.embeddings import ProviderError, ProviderRejected, ProviderUnavailable, get_provider

logger = logging.getLogger(__name__)

AMBIGUOUS_ERRORS = {"misconfigured", "bad_answer"}
MAX_CULPRITS = 3  # rejected texts of a batch that are told apart; then each memory is embedded separately


@dataclass(frozen=True)
class EmbeddingResult:
    """The result of embedding a memory: vectors, an error code, or neither if withheld from a remote provider."""

    memory: Memory
    language: Language
    passages: list[str]
    vectors: list[list[float] | None] | None = None  # None for a passage that means nothing to the model
    error: str = ""
    retry_after_s: float | None = None
    is_final: bool = False
    is_withheld: bool = False


def embed_memories(memories: Sequence[Memory]) -> list[EmbeddingResult]:
    """Return the vectors or error of each memory, by the encoder of its owner's language."""
    read = read_memories(memories)
    results = [one for one in read if one.error]
    by_encoder: dict[str, list[EmbeddingResult]] = defaultdict(list)
    for one in read:
        if not one.error:
            by_encoder[_name_encoder(one.language)].append(one)
    return results + list(chain.from_iterable(map(_embed_or_blame, by_encoder.values())))


def read_memories(memories: Sequence[Memory]) -> list[EmbeddingResult]:
    """Return the memories with their passages, or with an error if they cannot be decrypted."""
    languages = read_owner_languages({memory.owner_id for memory in memories})
    return [_read_passages(memory, languages[memory.owner_id]) for memory in memories]


def _read_passages(memory: Memory, language: Language) -> EmbeddingResult:
    try:
        return EmbeddingResult(memory, language, split_passages(memory.text, language))
    except DecryptError:
        logger.error("cannot decrypt memory %s", memory.pk)
        return EmbeddingResult(memory, language, [], error=work_queue.UNREADABLE, is_final=True)


def _name_encoder(language: Language) -> str:
    """Return the name of the encoder, or of the language if its provider is misconfigured, so that only these fail."""
    try:
        return spaces.get_encoder(language)
    except ProviderRejected:
        return language.code


def _embed_or_blame(read: Sequence[EmbeddingResult], culprits: int = 0) -> list[EmbeddingResult]:
    """Embed all in one call if possible. culprits: how many rejected memories were taken out of the batch before."""
    if not read:
        return []
    outcome = _try_batch(read)
    if not isinstance(outcome, ProviderError):
        return outcome
    if work_queue.is_provider_error(outcome.code):
        return _find_fault(read, outcome) if outcome.code in AMBIGUOUS_ERRORS else _fail_all(read, outcome)
    if len(read) == 1:
        return _fail_all(read, outcome)
    culprit = _find_culprit(read, outcome)
    if culprit is None or culprits >= MAX_CULPRITS:
        return [result for one in read for result in _embed_or_blame([one])]
    others = [one for one in read if one is not culprit]
    return [*_fail_all([culprit], outcome), *_embed_or_blame(others, culprits + 1)]


def _try_batch(read: Sequence[EmbeddingResult]) -> list[EmbeddingResult] | ProviderError:
    try:
        provider = get_provider(read[0].language.code)
        vectors = iter(provider.embed_documents([text for one in read for text in one.passages]))
    except (ProviderUnavailable, ProviderRejected) as error:
        return error
    return [replace(one, vectors=[next(vectors) for _ in one.passages]) for one in read]


def _find_fault(read: Sequence[EmbeddingResult], error: ProviderError) -> list[EmbeddingResult]:
    """Embed the halves of a failed batch, and of a failed half; unless both fail, which is the provider's fault."""
    if len(read) == 1:
        return _fail_all(read, error)
    middle = len(read) // 2
    halves = [(half, _try_batch(half)) for half in (read[:middle], read[middle:])]
    if all(isinstance(outcome, ProviderError) for _, outcome in halves):
        return _fail_all(read, error)
    results: list[EmbeddingResult] = []
    for half, outcome in halves:
        results += _find_fault(half, outcome) if isinstance(outcome, ProviderError) else outcome
    return results


def _find_culprit(read: Sequence[EmbeddingResult], error: ProviderError) -> EmbeddingResult | None:
    """Return the memory of the passage that the error names, if it names one."""
    position = getattr(error, "position", None)
    owners = [one for one in read for _ in one.passages]
    return owners[position] if isinstance(position, int) and 0 <= position < len(owners) else None


def _fail_all(read: Sequence[EmbeddingResult], error: ProviderError) -> list[EmbeddingResult]:
    is_final = not work_queue.is_provider_error(error.code)
    wait_s = getattr(error, "retry_after_s", None)
    return [replace(one, error=error.code, retry_after_s=wait_s, is_final=is_final) for one in read]
