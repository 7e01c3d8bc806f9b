"""The cost of a search is linear in the memories, whatever a user imports."""

import json
import math
import random
from collections import Counter
from importlib import import_module
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import F, OuterRef, Subquery

from accounts.models import User
from memories.fields import SealedTextField
from memories.index import keywords
from memories.index.languages import get_language
from memories.models import Memory, MemoryVector
from memories.search import ranking
from memories.search.query import search_memories
from memories.search.question import Question
from memories.search.ranking_query import RankingQuery, VisibleRows
from memories.services import writes
from memories.services.writes import NewMemory
from tests.factories import session

pytestmark = pytest.mark.django_db
ENGLISH = get_language("en")
# Not stemmed, no stop words, no dates.
WORDS = [first + second + "o" for first in ("zeb", "gar", "lub", "tik", "mun", "pof") for second in "bdglmr"]


def build_query(user: User, query: str) -> tuple[VisibleRows, RankingQuery]:
    rows = VisibleRows.for_actor(session(user), user)
    assert rows is not None
    question = Question.from_text(query, ENGLISH, user, with_tags=True)
    return rows, question.to_ranking_query([], user)


def count_processed_rows(user: User, query: str) -> int:
    """Return how many rows all steps of the ranking's plan returned or removed together."""
    statement = ranking.build_statement(*build_query(user, query), limit=10)
    assert statement is not None
    with connection.cursor() as cursor:
        params: Any = statement[1]
        cursor.execute(f"explain (analyze, timing off, format json) {statement[0]}", params)
        [[plan]] = cursor.fetchall()
    return _count_rows(plan[0]["Plan"])


def _count_rows(node: dict[str, Any]) -> int:
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
    here: int = round((node["Actual Rows"] + removed) * node["Actual Loops"])
    return here + sum(_count_rows(child) for child in node.get("Plans", ()))


@pytest.mark.parametrize(("words", "places"), [(1, 2), (31, 2), (31, 1_000)])
@pytest.mark.plain(reason="reads a plan of one server")
def test_crowded_places_cost_no_more_than_others(ada: User, words: int, places: int) -> None:
    query = " ".join(WORDS[:words])
    chat, counts = uuid4(), []
    for start in (0, 200):
        items = [NewMemory(f"{query} {n}", conversation=chat, position=n) for n in range(start, start + 200)]
        writes.create_memories(session(ada), items)
        own = Memory.objects.filter(pk=OuterRef("memory_id")).values(place=F("position") % places)
        MemoryVector.objects.filter(owner=ada).update(sequence=Subquery(own))
        counts.append(count_processed_rows(ada, query))
    assert counts[1] < 2.5 * counts[0]


def test_words_of_neighbors_count_as_documented(ada: User) -> None:
    chance = random.Random(3)
    for _ in range(3):
        chat, position, items = uuid4(), 0, []
        for _ in range(30):
            position += chance.choice([1, 1, 1, 4, 5, 4_096, 4_096 * 900, 4_096 * 1_100])
            text = " ".join(chance.sample(WORDS[:8], chance.randint(1, 4)))
            items.append(NewMemory(text, conversation=chat, position=position))
        writes.create_memories(session(ada), items)
    for _ in range(20):
        query = " ".join(chance.sample(WORDS[:8], chance.randint(1, 5)))
        rows, asked = build_query(ada, query)
        ranked = ranking.rank_memories(rows, asked, limit=1_000)
        scores = {place.memory.pk: place.score for place in ranked}
        assert scores == pytest.approx(compute_scores(ada, query))
        assert all(one.score >= other.score for one, other in pairwise(ranked))


def test_query_of_many_memories_uses_its_most_specific_words(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "My home is near the lighthouse of Valentia"
    writes.create_memories(session(ada), [NewMemory(said), NewMemory("A home, a kind name, a new thing")])
    query = "name kind home new thing lighthouse Valentia"
    monkeypatch.setattr("memories.search.query.WORDS_FOR_MANY_ROWS", 2)
    [few, _] = search_memories(session(ada), query).hits
    assert len(few.matched) == 5
    monkeypatch.setattr("memories.search.ranking_query.MANY_ROWS", 1)
    [only, *_] = search_memories(session(ada), query).hits
    assert (only.memory.text, only.matched) == (said, ("lighthous", "valentia"))


def compute_scores(user: User, query: str) -> dict[UUID, float]:
    """Return the score of each memory that has one, by the definition of decision 0003, without vectors."""
    memories = sorted(user_memories(user), key=lambda each: each[1])
    texts = [set(words) for _, _, words in memories]
    found = Counter(word for words in texts for word in words)
    asked = keywords.extract_words(query, ENGLISH)
    idf = {word: math.log(1 + (len(texts) - found[word] + 0.5) / (found[word] + 0.5)) for word in asked}
    numbers = [0]
    for (_, before, _), (_, after, _) in pairwise(memories):
        gap = after - before
        is_next = gap <= 4 or 2_048 <= gap <= 4_096_000
        numbers.append(numbers[-1] + (1 if is_next else 10))
    at = dict(zip(numbers, texts, strict=True))
    scores = {}
    for number, (memory_id, _, _) in zip(numbers, memories, strict=True):
        weights = []
        for word in asked:
            shared = sum(
                share
                for distance, share in ((1, 0.6), (2, 0.36), (-1, 0.4), (-2, 0.24))
                if word in at.get(number - distance, ())
            )
            tf = (word in at[number]) + shared
            weights.append(idf[word] * 2.2 * tf / (tf + 1.2))
        total = sum(idf.values())
        pairs = sum(weights) ** 2 - sum(weight**2 for weight in weights)
        bonus = 0.3 if at[number].issuperset(asked) else 0
        if sum(weights) > 0:
            scores[memory_id] = bonus + 0.6 * sum(weights) / total + 0.7 * (max(0, pairs) / total**2) ** 0.6
    return scores


def test_only_the_best_by_a_rough_score_are_scored(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    chance, query = random.Random(5), " ".join(WORDS[:31])
    texts = [" ".join(chance.sample(WORDS, chance.randint(3, 25))) for _ in range(300)]
    items = [NewMemory(text, conversation=UUID(int=7), position=n) for n, text in enumerate(texts[:150])]
    writes.create_memories(session(ada), [*items, *map(NewMemory, texts[150:])])
    rows, asked = build_query(ada, query)
    all_scored = [place.memory.pk for place in ranking.rank_memories(rows, asked, limit=10)]
    monkeypatch.setattr(ranking, "MAX_SCORED", 100)
    assert [place.memory.pk for place in ranking.rank_memories(rows, asked, limit=10)] == all_scored
    assert len(ranking.rank_memories(rows, asked, limit=1_000)) == 100


def user_memories(user: User) -> list[tuple[UUID, int, list[str]]]:
    rows = MemoryVector.objects.filter(owner=user).select_related("memory")
    return [
        (row.memory_id, row.sequence or 0, keywords.extract_words(row.memory.text, ENGLISH)) for row in rows
    ]


def test_phrase_in_every_memory_decrypts_few(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    decrypted = []
    decrypt = SealedTextField.open

    def open_and_count(field: SealedTextField, row: Any, sealed: Any) -> str:
        decrypted.append(row)
        return decrypt(field, row, sealed)

    monkeypatch.setattr(SealedTextField, "open", open_and_count)
    writes.create_memories(session(ada), [NewMemory(f"The old zebo garbo {n}") for n in range(120)])
    assert len(search_memories(session(ada), '"zebo garbo"').hits) == 10
    assert len(decrypted) <= 50


def test_tokens_do_not_tell_the_order_of_words(ada: User) -> None:
    memory = writes.create_memory(session(ada), text=" ".join(WORDS), tags=["zebo", "gario"])
    writes.update_memory(session(ada), memory.pk, tags=["lubo"])
    rows = [list(row.tokens) for row in MemoryVector.objects.filter(owner=ada)]
    assert rows == [sorted(tokens) for tokens in rows]
    MemoryVector.objects.filter(owner=ada).update(tokens=[3, 1, 2])
    migration = import_module("memories.migrations.0022_places_and_public_rows")
    with connection.cursor() as cursor:
        cursor.execute(migration.SORT, [ada.pk])
    assert [row.tokens for row in MemoryVector.objects.filter(owner=ada)] == [[1, 2, 3]] * len(rows)


@pytest.mark.plain(reason="reads a plan of one server")
def test_searches_of_others_touch_no_private_row(ada: User, bob: User) -> None:
    items = [NewMemory(f"zebo {n}", "public" if n < 3 else "private") for n in range(300)]
    writes.create_memories(session(ada), items)
    User.objects.filter(pk=ada.pk).update(persona_enabled=True)
    rows = VisibleRows.for_actor(session(bob), ada)
    assert rows is not None
    with connection.cursor() as cursor:
        cursor.execute("analyze memories_memoryvector")
        params: Any = rows.params
        cursor.execute(f"explain (analyze, timing off, format json) {rows.sql}", params)
        [[plan]] = cursor.fetchall()
    assert '"Index Name": "memory_vector_public"' in json.dumps(plan)
    assert "memory_vector_cover" not in json.dumps(plan)
    assert _count_rows(plan[0]["Plan"]) < 30
