"""What holds now: a persona does not answer with a superseded memory unless it is asked about the past.

A question about the past gets both, the former one first. Two memories that are not linked, of which the newer may
replace the older, are shown together, the newest first; nobody said which holds. How a question about the past is
recognized is English; a past year is in every language.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from uuid import UUID

from django.utils import timezone

from accounts.keys import get_person_key
from accounts.models import User
from memories.index import vectors
from memories.index.languages import Language, get_owner_language
from memories.models import MemoryVector
from memories.search.answer_strength import MAX_ANSWERS, JudgedHits
from memories.search.change_detection import describe_update
from memories.search.hits import Hit
from memories.search.statement import Statement, find_language
from memories.services.reads import decrypt_or_none

PAST = re.compile(
    r"\b(?:used to|former(?:ly)?|previous(?:ly)?|earlier|originally|at first|back then|by then|ago|until"
    r"|at th(?:e|at) time|in the past|in those days|was|were|did|had|(?:my|our|his|her|their|the) (?:old|ex|last)"
    # Not "before breakfast".
    r"|before(?=\W*$|[,;.]| (?:I|we|you|he|she|it|they|that|then|this|now|\d+|(?-i:[A-Z])\w*)\b))\b",
    re.IGNORECASE,
)
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
Groups = Mapping[UUID, Sequence[UUID]]


def asks_about_past(question: str, language: Language) -> bool:
    if find_language(language, question).is_english and PAST.search(question):
        return True
    return any(int(year) < timezone.now().year for year in YEAR.findall(question))


def select_current_facts(judged: JudgedHits, question: str, about: User) -> JudgedHits:
    """Return the hits that a persona may show, each next to the one that replaced it or may replace it."""
    language = get_owner_language(about)
    replaced = {hit.replaces.memory.pk: hit.memory.pk for hit in judged.hits if hit.replaces}
    answers = [hit.memory.pk for hit in judged.hits[: judged.answers]]
    if asks_about_past(question, language):
        hits = judged.hits
        groups = {each: [former, each] for former, each in replaced.items()}
        groups |= {former: [former, each] for former, each in replaced.items()}
    else:
        hits = tuple(hit for hit in judged.hits if hit.memory.superseded_by is None)
        groups = {former: [each] for former, each in replaced.items()}
    for older_id, newer_id in _find_unlinked_updates(hits, judged.answers or MAX_ANSWERS, about, language):
        for each in (older_id, newer_id):
            groups.setdefault(each, [newer_id, older_id])
    by_id = {hit.memory.pk: hit for hit in hits}
    shown_answers = [each for each in _expand_groups(answers, groups) if each in by_id]
    others = _expand_groups((each for each in by_id if each not in shown_answers), groups)
    ordered = dict.fromkeys([*shown_answers, *others])
    return replace(
        judged,
        hits=tuple(by_id[each] for each in ordered if each in by_id),
        answers=len(shown_answers),
        dated=frozenset(each for group in groups.values() if len(group) > 1 for each in group),
    )


def _expand_groups(ids: Iterable[UUID], groups: Groups) -> list[UUID]:
    return list(dict.fromkeys(each for one in ids for each in groups.get(one, [one])))


def _find_unlinked_updates(
    hits: Sequence[Hit], first: int, about: User, language: Language
) -> list[tuple[UUID, UUID]]:
    """Return the ids of older and newer memories, of which one is among the first hits, that look like updates."""
    texts = {hit.memory.pk: decrypt_or_none(hit.memory) or "" for hit in hits}
    pairs: dict[tuple[UUID, UUID], None] = {}
    for hit, other in product(hits[:first], hits):
        older, newer = sorted((hit.memory, other.memory), key=lambda each: (each.created_at, each.pk))
        is_linked = older.superseded_by or newer.superseded
        if older.pk != newer.pk and not is_linked:
            pairs[(older.pk, newer.pk)] = None
    take_apart = cache(Statement)  # for this question alone: decrypted texts do not stay in the process
    likely = [
        (older, newer)
        for older, newer in pairs
        if describe_update(texts[older], texts[newer], 1.0, language, take_apart)
    ]
    if not likely:
        return []
    cosines = _compute_cosines(about, likely)
    return [
        (older, newer)
        for older, newer in likely
        if describe_update(texts[older], texts[newer], cosines.get((older, newer), 0.0), language, take_apart)
    ]


def _compute_cosines(about: User, pairs: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], float]:
    """Return the cosines of pairs of memories with one passage each, where one encoder has read both."""
    ids = {each for pair in pairs for each in pair}
    rows = MemoryVector.objects.filter(owner_id=about.pk, memory_id__in=ids, embedding__isnull=False)
    key = get_person_key(about.pk).vector_rotation_key
    found: dict[UUID, list[tuple[str, list[float]]]] = {}
    for memory_id, is_public, encoder, embedding in rows.values_list(
        "memory_id", "is_public", "space__encoder", "embedding"
    ):
        vector = list(embedding or ())
        plain = vector if is_public else vectors.unrotate_vectors([vector], key)[0]
        found.setdefault(memory_id, []).append((encoder or "", plain))
    cosines = {}
    for one, other in pairs:
        parts = [*found.get(one, []), *found.get(other, [])]
        if len(parts) == 2 and parts[0][0] == parts[1][0]:
            cosines[(one, other)] = sum(x * y for x, y in zip(parts[0][1], parts[1][1], strict=True))
    return cosines
