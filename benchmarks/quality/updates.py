"""Evaluate what is true now: a newer memory replaces an older one, linked or not, among other memories."""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from benchmarks.quality.locomo import Item
from benchmarks.quality.natural import NAMES, SETS
from benchmarks.quality.retrieval import create_temporary_owner, load_memories
from memories.persona.answers import Answer
from memories.persona.retrieval import ask_persona
from memories.search.near_duplicates import find_updates
from memories.search.query import search_memories
from memories.services import writes

SET_NAMES = ("updates-en", "updates-more-en")
OLDER, NEWER = "older", "newer"


@dataclass(frozen=True)
class UpdatePair:
    """Two memories of which the newer replaces the older, or only seems to. present, past: questions, if any."""

    older: Item
    newer: Item
    present: str
    past: str


@dataclass(frozen=True)
class UpdateSet:
    name: str
    updates: list[UpdatePair]
    look_alikes: list[UpdatePair]
    distractors: list[Item]


@dataclass(frozen=True)
class UpdateRow:
    """Shares of the updates of a set; without questions, only suggestions are measured and the others are None.

    unlinked_first: the newer is the first of the two hits without a link. first: the first hit, linked. only_present: a
    persona shows the newer and not the older. past_found: it shows both for the question about the past, the older
    first. both_dated: without a link it shows both with their dates, the newer first. suggested: of the updates;
    suggested_look_alikes: of the others; suggested_distractors: newer memories for which another one is suggested.
    """

    name: str
    updates: int
    unlinked_first: float | None
    first: float | None
    only_present: float | None
    past_found: float | None
    both_dated: float | None
    suggested: float
    look_alikes: int
    suggested_look_alikes: float
    suggested_distractors: float


@dataclass(frozen=True)
class _Answers:
    unlinked_first: bool
    both_dated: bool
    first: bool
    only_present: bool
    past_found: bool


def read_update_sets(names: Sequence[str] = SET_NAMES) -> list[UpdateSet]:
    distractors = _read_distractors()
    return [_read_set(name, distractors) for name in names]


def evaluate_updates(
    sets: Sequence[UpdateSet], *, log_progress: Callable[[str], None] = lambda _: None
) -> Iterator[UpdateRow]:
    """Add each pair alone to an account with the other memories of its set. Leaves nothing in the database."""
    for each in sets:
        log_progress(f"{each.name}: {len(each.updates) + len(each.look_alikes)} pairs")
        with create_temporary_owner() as actor:
            load_memories(actor, each.distractors)
            suggested = [_find_suggested(actor, pair) for pair in (*each.updates, *each.look_alikes)]
            answers = [_ask(actor, pair) for pair in each.updates if pair.present]
        yield _summarize(each, suggested, answers)


def _summarize(each: UpdateSet, suggested: Sequence[set[str]], answers: Sequence[_Answers]) -> UpdateRow:
    count = len(each.updates)

    def share(name: str) -> float | None:
        return fmean(getattr(answer, name) for answer in answers) if answers else None

    return UpdateRow(
        each.name,
        count,
        share("unlinked_first"),
        share("first"),
        share("only_present"),
        share("past_found"),
        share("both_dated"),
        fmean(OLDER in found for found in suggested[:count]),
        len(each.look_alikes),
        fmean(OLDER in found for found in suggested[count:]),
        fmean(bool(found - {OLDER}) for found in suggested),
    )


def _find_suggested(actor: Actor, pair: UpdatePair) -> set[str]:
    """Return what is suggested for the newer memory: the older one, or others by id."""
    with transaction.atomic():
        ids = _load_pair(actor, pair)
        found = find_updates(actor, ids[NEWER])
        transaction.set_rollback(True)
    return {OLDER if each.memory.pk == ids[OLDER] else str(each.memory.pk) for each in found}


def _ask(actor: Actor, pair: UpdatePair) -> _Answers:
    with transaction.atomic():
        ids = _load_pair(actor, pair)
        unlinked = [hit.memory.pk for hit in search_memories(actor, pair.present, limit=50).hits]
        dates = _list_shown(ask_persona(actor, actor.person, pair.present))
        writes.update_memory(actor, ids[NEWER], supersedes=ids[OLDER])
        linked = [hit.memory.pk for hit in search_memories(actor, pair.present, limit=10).hits]
        present = list(_list_shown(ask_persona(actor, actor.person, pair.present)))
        past = list(_list_shown(ask_persona(actor, actor.person, pair.past)))
        transaction.set_rollback(True)
    places = {each: place for place, each in enumerate(unlinked)}
    return _Answers(
        unlinked_first=places.get(ids[NEWER], len(unlinked)) < places.get(ids[OLDER], len(unlinked)),
        both_dated=_is_before(list(dates), ids[NEWER], ids[OLDER])
        and all(dates[each] for each in ids.values()),
        first=linked[:1] == [ids[NEWER]],
        only_present=ids[NEWER] in present and ids[OLDER] not in present,
        past_found=_is_before(past, ids[OLDER], ids[NEWER]),
    )


def _list_shown(answer: Answer) -> dict[uuid.UUID, str]:
    """Return the dates shown with each memory that the answer cites, or else with the closest ones."""
    return {each.memory.pk: each.dates for each in (*answer.citations, *answer.closest)}


def _is_before(shown: Sequence[uuid.UUID], one: uuid.UUID, other: uuid.UUID) -> bool:
    return one in shown and other in shown and shown.index(one) < shown.index(other)


def _load_pair(actor: Actor, pair: UpdatePair) -> dict[str, uuid.UUID]:
    loaded = load_memories(actor, [pair.older, pair.newer])
    return {name: memory_id for memory_id, names in loaded.items() for name in names}


def _read_set(name: str, distractors: list[Item]) -> UpdateSet:
    contents = json.loads((SETS / f"{name}.json").read_text("utf-8"))
    updates, look_alikes = (
        [
            UpdatePair(
                _build_item(pair[OLDER], OLDER),
                _build_item(pair[NEWER], NEWER),
                pair.get("present", ""),
                pair.get("past", ""),
            )
            for pair in contents[kind]
        ]
        for kind in ("updates", "look_alikes")
    )
    return UpdateSet(name, updates, look_alikes, distractors)


def _read_distractors() -> list[Item]:
    wanted = json.loads((SETS / f"{SET_NAMES[0]}.json").read_text("utf-8"))["distractors"]
    memories = json.loads((SETS / f"{NAMES[0]}.json").read_text("utf-8"))["memories"]
    by_id = {memory["id"]: memory for memory in memories}
    return [_build_item(by_id[name], name) for name in wanted]


def _build_item(entry: dict[str, Any], name: str) -> Item:
    date = datetime.fromisoformat(entry["date"]).replace(tzinfo=UTC)
    return Item(entry["text"], frozenset([name]), None, date)
