"""Moves of an owner's index to another space: after a change of their language, of the provider or of the keywords.

The worker indexes the memories anew one by one. Meanwhile `User.former_languages` names the languages of the others, so
that a search finds them too: by their own stems, and by meaning with the vector of their own encoder.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Concat, Trim

from accounts.models import User
from core.db.distribution import group_owners
from memories.index import spaces, work_queue
from memories.index.languages import (
    Language,
    get_former_languages,
    get_language,
    get_owner_language,
    read_owner_languages,
)
from memories.models import EmbeddingSpace, IndexState, Memory, MemoryVector
from memories.providers.embeddings import ProviderError


@dataclass(frozen=True)
class MoveProgress:
    """How many of a user's memories are indexed in their current language, of how many."""

    done: int
    total: int


def start_move(person: User, former: str) -> int:
    """Queue a user's memories after a change of their language; return how many.

    former: the code until now. Call it in the transaction of the change, which has locked the user's row.
    """
    person.refresh_from_db(fields=["former_languages"])  # a worker or another change may have set it
    others = [*person.former_languages.split(), former]
    memories = Memory.objects.filter(owner=person)
    person.former_languages = " ".join(dict.fromkeys(others)) if memories.exists() else ""
    person.save(update_fields=["former_languages"])
    return work_queue.enqueue_memories(memories)


def start_outdated_moves(person: User | None = None) -> int:
    """Queue every memory (of this user) whose index is not up to date; return how many."""
    rows = MemoryVector.objects.filter(space__isnull=False)
    if person is not None:
        rows = rows.filter(owner_id=person.pk)
    used: dict[UUID, set[int]] = defaultdict(set)
    for owner_id, space_id in rows.order_by().values_list("owner_id", "space_id").distinct():
        used[owner_id].add(space_id)
    owners: dict[Language, list[UUID]] = defaultdict(list)
    for owner_id, language in read_owner_languages(used).items():
        owners[language].append(owner_id)
    return sum(_start_moves(language, {each: used[each] for each in ids}) for language, ids in owners.items())


def _start_moves(language: Language, used: Mapping[UUID, set[int]]) -> int:
    """Queue the memories of owners with this language that are in outdated spaces. used: spaces by owner."""
    outdated = spaces.list_outdated_spaces(language)
    for code in set(outdated.values()):
        of_code = {space_id for space_id in outdated if outdated[space_id] == code}
        owners = [owner_id for owner_id in used if used[owner_id] & of_code]
        User.objects.filter(pk__in=owners).exclude(former_languages__contains=code).update(
            former_languages=Trim(Concat("former_languages", Value(f" {code}")))
        )
    rows = MemoryVector.objects.filter(
        owner_id=OuterRef("owner_id"), memory_id=OuterRef("pk"), space_id__in=outdated
    )
    moving = (owner_id for owner_id in used if used[owner_id] & outdated.keys())
    return sum(
        work_queue.enqueue_memories(
            Memory.objects.filter(Exists(rows), owner_id__in=group, index_state=IndexState.READY)
        )
        for group in group_owners(moving)
    )


def finish_moves(owner_ids: Collection[UUID]) -> int:
    """Clear the former languages of these owners, if all their memories are up to date; return of how many."""
    return _finish_moves(User.objects.filter(pk__in=owner_ids))


def finish_all_moves() -> int:
    """Finish also the moves whose last memories were not indexed but deleted."""
    return _finish_moves(User.objects.all())


def _finish_moves(owners: QuerySet[User]) -> int:
    finished = 0
    for owner in owners.exclude(former_languages=""):
        if not _select_outdated(owner).exists():
            # Unless the language has been changed again in the meantime.
            seen = {"language": owner.language, "former_languages": owner.former_languages}
            finished += User.objects.filter(pk=owner.pk, **seen).update(former_languages="")
    return finished


def get_progress(owner: User) -> MoveProgress | None:
    """Return the progress of this user's move, None without one or while the provider is misconfigured."""
    if not owner.former_languages:
        return None
    total = Memory.objects.filter(owner=owner).count()
    try:
        waiting = _select_outdated(owner).values("memory_id").distinct().count()
    except ProviderError:
        return None
    return MoveProgress(total - waiting, total)


def list_former_encoders(owner: User) -> dict[str, Language]:
    """Return the other encoders that made vectors of this user and are at hand, with a language that leads to each."""
    if not owner.former_languages:
        return {}
    used = (
        MemoryVector.objects.filter(owner_id=owner.pk, embedding__isnull=False).values("space_id").distinct()
    )
    encoders = set(EmbeddingSpace.objects.filter(pk__in=used).values_list("encoder", flat=True))
    encoders.discard(spaces.get_encoder(get_owner_language(owner)))
    # Before each language had its own encoder, all had that of English.
    candidates = [*get_former_languages(owner), get_language("en")] if encoders else []
    found = {spaces.get_encoder(language): language for language in candidates}
    return {encoder: language for encoder, language in found.items() if encoder in encoders}


def _select_outdated(owner: User) -> QuerySet[MemoryVector]:
    """Return the rows that are still to be indexed anew, without those of texts that never will be."""
    current = spaces.list_current_identities(get_owner_language(owner))
    rows = MemoryVector.objects.filter(owner_id=owner.pk).exclude(space__identity__in=current)
    failed = Memory.objects.filter(owner=owner, index_state=IndexState.FAILED).exclude(
        index_error__in=work_queue.PROVIDER_ERRORS
    )
    return rows.exclude(memory_id__in=failed.values("pk"))
