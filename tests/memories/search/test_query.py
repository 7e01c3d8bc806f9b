"""Search: by keyword at once, by meaning once embedded, filtered before ranking, revealing nothing private."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from accounts.actor import InsufficientScope
from accounts.models import User
from memories import scopes
from memories.index import work_queue
from memories.index.passages import get_max_keywords
from memories.models import AuditEvent, Memory, MemoryVector, Tag
from memories.models.visibility import Filters
from memories.portability.exports.formats import export_memories
from memories.search import query as search_query
from memories.search import ranking
from memories.search.ranking_query import RankedMemory
from memories.services import writes
from memories.validation import limits
from tests.factories import app, remember, session

pytestmark = pytest.mark.django_db


def find_texts(user: User, query: str, **how: Any) -> list[str]:
    return [hit.memory.text for hit in search_query.search_memories(session(user), query, **how).hits]


def test_exact_word_finds_the_only_memory(ada: User) -> None:
    remember(ada, "The zebra lives next door.")
    assert find_texts(ada, "zebra") == ["The zebra lives next door."]


def test_exact_word_ranks_first_before_embedding(ada: User, index: Callable[[], int]) -> None:
    for number in range(30):
        remember(ada, f"Note {number} about the garden.")
    index()
    remember(ada, "A zebra walked in.")
    assert find_texts(ada, "zebra")[0] == "A zebra walked in."


def test_embedded_memory_is_found_by_meaning(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "My puppy is called Rex.")
    remember(ada, "I drive to work.")
    assert find_texts(ada, "hound") == []
    index()
    [first, *_] = search_query.search_memories(session(ada), "hound").hits
    assert first.memory.text == "My puppy is called Rex."
    assert (first.matched, first.cosine is not None) == ((), True)


@pytest.mark.parametrize(
    ("cosine", "idf_share", "words", "has_neighbor", "expected"),
    [
        (0.6, 0.2, (0,), False, "strong"), (None, 1.0, (0,), False, "strong"), (0.1, 0.1, (0,), False, "fair"),
        (0.1, 0.4, (), False, "fair"), (0.0, 0.0, (), True, "fair"), (0.5, 0.0, (), False, "fair"),
        (0.45, 0.0, (), False, "weak"), (0.15, 0.0, (), False, "weak"), (0.14, 0.0, (), False, "none"),
        (None, 0.0, (), False, "none"),
    ],
)  # fmt: skip
def test_relevance_of_a_hit(
    cosine: float | None, idf_share: float, words: tuple[int, ...], has_neighbor: bool, expected: str
) -> None:
    place = RankedMemory(Memory(), 0.5, cosine, words, idf_share, has_neighbor)
    assert search_query._rate_relevance(place, weak_below=0.48) == expected


def test_unrelated_memories_are_left_out_for_channels(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "The door code is 4711.")
    index()
    assert find_texts(ada, "quantum chromodynamics") == ["The door code is 4711."]
    assert find_texts(ada, "quantum chromodynamics", only_related=True) == []
    assert find_texts(ada, "door", only_related=True) == ["The door code is 4711."]
    year = str(Memory.objects.get().created_at.year)
    assert find_texts(ada, year, only_related=True) == ["The door code is 4711."]  # its date has the word


def test_every_hit_has_its_reasons(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "The quick zebra.")
    index()
    [hit] = search_query.search_memories(session(ada), "a quick walrus").hits
    assert hit.matched == ("quick",)
    assert hit.cosine is not None
    assert 0 < hit.cosine < 1
    assert hit.strength < hit.cosine + 1  # "walrus" does not match


def test_last_sentence_of_eight_thousand_characters_is_found(ada: User, index: Callable[[], int]) -> None:
    filler = " ".join(f"Sentence {number} speaks of item{number}." for number in range(1_000))
    ending = " Finally the hound met a zebra."
    text = filler[: limits.TEXT_CHARACTERS - len(ending)] + ending
    remember(ada, text)
    for number in range(20):
        remember(ada, f"Another note, number {number}.")
    assert find_texts(ada, "zebra")[0].endswith(ending.strip())
    index()
    assert find_texts(ada, "puppy")[0].endswith(ending.strip())


def test_memory_with_many_passages_is_one_hit(ada: User, index: Callable[[], int]) -> None:
    remember(ada, " ".join(f"zebra word{number}" for number in range(400)))
    index()
    assert MemoryVector.objects.count() > 1
    assert len(find_texts(ada, "zebra")) == 1


def test_edited_text_is_found_only_by_new_words(ada: User) -> None:
    memory = remember(ada, "The zebra.")
    writes.update_memory(session(ada), memory.pk, text="The walrus.")
    assert find_texts(ada, "zebra") == []
    assert find_texts(ada, "walrus") == ["The walrus."]


def test_visibility_change_preserves_search_by_keyword_and_meaning(
    ada: User, index: Callable[[], int]
) -> None:
    memory = remember(ada, "My puppy is called Rex.")
    remember(ada, "Something else.")
    index()
    for visibility in ("public", "private"):
        writes.set_visibility(session(ada), memory.pk, visibility)
        assert find_texts(ada, "hound")[0] == find_texts(ada, "rex")[0] == "My puppy is called Rex."
        assert search_query.search_memories(session(ada), "puppy called Rex").hits[0].cosine == pytest.approx(
            1, abs=0.01
        )


def test_private_words_and_vectors_use_the_owners_keys(
    ada: User, bob: User, index: Callable[[], int]
) -> None:
    for person in (ada, bob):
        remember(person, "The quick zebra.")
        remember(person, "The quick zebra.", visibility="public")
    index()
    private = list(MemoryVector.objects.filter(is_public=False))
    public = list(MemoryVector.objects.filter(is_public=True))
    assert set(private[0].tokens).isdisjoint(private[1].tokens)
    assert private[0].embedding != private[1].embedding
    assert set(public[0].tokens) == set(public[1].tokens)
    assert public[0].embedding == public[1].embedding


FILTERS: list[tuple[str, Callable[[Memory], Filters]]] = [
    ("visibility", lambda memory: Filters(visibility="public")),
    ("tag", lambda memory: Filters(tags_any=frozenset(Tag.objects.values_list("pk", flat=True)))),
    ("all tags", lambda memory: Filters(tags_all=frozenset(Tag.objects.values_list("pk", flat=True)))),
    ("source", lambda memory: Filters(source="api:notes")),
    ("until", lambda memory: Filters(until=memory.created_at + timedelta(microseconds=1))),
    ("since", lambda memory: Filters(since=memory.created_at - timedelta(microseconds=1))),
]


@pytest.mark.parametrize("make", [make for _, make in FILTERS], ids=[name for name, _ in FILTERS])
def test_filter_finds_hits_ranked_behind_many_others(
    ada: User, index: Callable[[], int], make: Callable[[Memory], Filters]
) -> None:
    everything = app(ada, *scopes.DESCRIPTIONS)
    wanted = writes.create_memory(everything, text="zebra " + "filler " * 50, tags=["t"], visibility="public")
    writes.create_memories(session(ada), [writes.NewMemory(f"The zebra {n}.") for n in range(60)])
    past = timezone.now() - timedelta(days=9)
    before = make(wanted).since is None
    Memory.objects.filter(pk=wanted.pk).update(
        created_at=past if before else timezone.now() + timedelta(days=9)
    )
    wanted.refresh_from_db()
    index()
    hits = search_query.search_memories(session(ada), "zebra", filters=make(wanted), limit=5).hits
    assert [hit.memory.pk for hit in hits] == [wanted.pk]


def test_score_reveals_nothing_about_private_words(ada: User, bob: User, index: Callable[[], int]) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True)
    for text in ("The zebra runs.", "A walrus sleeps.", "Some zebra and walrus."):
        remember(ada, text, visibility="public")
    index()

    def ask() -> list[Any]:
        answer = search_query.search_memories(session(bob), "zebra walrus", owner=User.objects.get(pk=ada.pk))
        return [(hit.memory.pk, hit.score, hit.strength, hit.matched) for hit in answer.hits]

    before = ask()
    writes.create_memories(session(ada), [writes.NewMemory(f"private zebra {n}") for n in range(20)])
    index()
    assert len(before) == 3
    assert ask() == before


def test_search_is_degraded_without_provider(ada: User, settings: Any, index: Callable[[], int]) -> None:
    from memories.providers.embeddings import reset_provider

    remember(ada, "The zebra.")
    index()
    settings.EMBEDDING_PROVIDER = "tests.providers.Failing"
    reset_provider()
    answer = search_query.search_memories(session(ada), "zebra")
    assert answer.degraded
    assert [hit.memory.text for hit in answer.hits] == ["The zebra."]


@pytest.mark.parametrize(
    "query", ["", "   ", "\0", "\ud83d", "'; drop table", "%s %(x)s {rows}", "🦜", "x" * 50_000]
)
def test_no_query_breaks_search(ada: User, query: str) -> None:
    remember(ada, "The zebra.")
    search_query.search_memories(session(ada), query)


def test_app_needs_read_scope_and_its_reads_are_audited(ada: User) -> None:
    memory = remember(ada, "The zebra.")
    with pytest.raises(InsufficientScope):
        search_query.search_memories(app(ada, scopes.WRITE), "zebra")
    search_query.search_memories(app(ada, scopes.READ), "zebra")
    assert AuditEvent.objects.get(action="memory:search").memory_ids == [memory.pk]


def test_memories_of_another_user_need_persona_scope(ada: User, bob: User) -> None:
    with pytest.raises(InsufficientScope):
        search_query.search_memories(app(bob, scopes.READ), "zebra", owner=ada)


def test_query_count_is_constant(ada: User, index: Callable[[], int], django_assert_num_queries: Any) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"zebra {n}", tags=["t"]) for n in range(30)])
    index()
    find_texts(ada, "zebra")  # caches the keys
    for limit in (1, 25):
        with django_assert_num_queries(2):  # common words; ranking with the memories and their tags
            assert len(find_texts(ada, "zebra", limit=limit)) == limit


def test_limit_and_order_are_applied(ada: User, index: Callable[[], int]) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"zebra {n}") for n in range(30)])
    index()
    scores = [hit.score for hit in search_query.search_memories(session(ada), "zebra 7", limit=10).hits]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 10


# --- Ranking ---------------------------------------------------------------------------------------------


def remember_at(user: User, day: str, *texts: str) -> None:
    """Create memories with this creation day."""
    created = writes.create_memories(session(user), [writes.NewMemory(text) for text in texts])
    for memory in created:
        memory.created_at = datetime.fromisoformat(day).replace(tzinfo=UTC)
        Memory.objects.filter(pk=memory.pk).update(created_at=memory.created_at)
    work_queue.store_keywords(created)


def test_memory_is_found_by_creation_day(ada: User) -> None:
    remember_at(ada, "2023-05-07", "I went for a walk.")
    remember_at(ada, "2024-01-15", "I went for a walk again.")
    for query in ("a walk in May", "Sunday walk", "walk 2023"):
        assert find_texts(ada, query)[0] == "I went for a walk."


@pytest.mark.parametrize("on_the_day", [1, 60])
def test_word_in_text_outranks_word_in_date(ada: User, index: Callable[[], int], on_the_day: int) -> None:
    remember_at(ada, "2024-11-03", *(f"Note {number}" for number in range(on_the_day)))
    remember_at(ada, "2024-03-01", "We marry in November.", *(f"Letter {number}" for number in range(9)))
    index()
    assert find_texts(ada, "november")[0] == "We marry in November."
    assert find_texts(ada, "november 2024")[0] == "We marry in November."


def test_day_is_that_of_the_user(ada: User, index: Callable[[], int]) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="America/New_York")
    ada.refresh_from_db()
    memory = remember(ada, "Tea.")
    sunday_evening = datetime(2026, 6, 1, 1, tzinfo=UTC)  # 31 May in New York
    Memory.objects.filter(pk=memory.pk).update(created_at=sunday_evening)
    work_queue.enqueue_memories(Memory.objects.filter(pk=memory.pk))
    index()
    words = {search_query.Arm.WORDS}
    found = {word for word in ("sunday", "may", "monday", "june") if find_texts(ada, word, arms=words)}
    assert found == {"sunday", "may"}
    assert b"".join(export_memories(session(ada), "text").chunks) == b"[2026-05-31] - Tea.\n"


def test_neighbors_in_conversation_count(ada: User) -> None:
    chat, other = uuid4(), uuid4()
    turns = [
        (chat, 1, "Where is the zebra?"),
        (chat, 2, "In the garden."),
        (chat, 9, "Bye."),
        (other, 2, "No."),
    ]
    writes.create_memories(
        session(ada), [writes.NewMemory(text, conversation=c, position=p) for c, p, text in turns]
    )
    remember(ada, "Anything else.")
    assert find_texts(ada, "zebra") == ["Where is the zebra?", "In the garden."]


def test_private_neighbors_do_not_count_for_others(ada: User, bob: User) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True)
    chat = uuid4()
    for position, (text, visibility) in enumerate([("The zebra.", "private"), ("It is big.", "public")]):
        item = writes.NewMemory(text, visibility, conversation=chat, position=position)
        writes.create_memories(session(ada), [item])
    assert search_query.search_memories(session(bob), "zebra", owner=User.objects.get(pk=ada.pk)).hits == []


@pytest.mark.parametrize(
    ("conversation", "position"), [(None, 1), (uuid4(), None), (uuid4(), -1), (uuid4(), 2**31)]
)
def test_conversation_without_position_is_rejected(ada: User, conversation: Any, position: Any) -> None:
    with pytest.raises(ValidationError) as error:
        writes.create_memories(
            session(ada), [writes.NewMemory("x", conversation=conversation, position=position)]
        )
    assert list(error.value.message_dict) == ["position"]


def test_exact_phrase_outranks_same_words_in_other_order(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "The red dog, the old house.")
    remember(ada, "An old dog in a red house.")
    remember(ada, "The old red house: a dog, an old red dog house.")
    index()
    assert find_texts(ada, "Old dog in a RED house")[0] == "An old dog in a red house."
    assert find_texts(ada, "red dog, the")[0] == "The red dog, the old house."


def test_phrase_of_only_stop_words_is_found(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "To be or not to be.")
    writes.create_memories(session(ada), [writes.NewMemory(f"Some note {n}") for n in range(30)])
    index()
    assert find_texts(ada, "or not to be")[0] == "To be or not to be."


def test_only_memory_with_rare_word_ranks_first(ada: User, index: Callable[[], int]) -> None:
    texts = [f"The dog number{n} likes coffee and the car." for n in range(100)]
    writes.create_memories(session(ada), [writes.NewMemory(text) for text in texts])
    index()
    assert [find_texts(ada, f"number{n}", limit=1) for n in range(0, 100, 7)] == [
        [texts[n]] for n in range(0, 100, 7)
    ]


def test_common_name_does_not_dominate_query(ada: User, index: Callable[[], int]) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"Rosalind: note{n}") for n in range(40)])
    remember(ada, "The hound sleeps on a couch.")
    index()
    [first, *_] = search_query.search_memories(
        session(ada), "Rosalind puppy", arms={search_query.Arm.MEANING}
    ).hits
    assert first.memory.text == "The hound sleeps on a couch."


def test_each_search_method_works_alone(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "My puppy is called Rex.")
    remember(ada, "The hound and the zebra.")
    index()
    [first, _] = search_query.search_memories(session(ada), "hound", arms={search_query.Arm.MEANING}).hits
    assert first.matched == ()
    [only] = search_query.search_memories(session(ada), "hound", arms={search_query.Arm.WORDS}).hits
    assert (only.matched, only.cosine) == (("hound",), None)


def test_query_with_too_many_words_is_answered(ada: User) -> None:
    remember(ada, "word7 is here")
    assert find_texts(ada, " ".join(f"word{n}" for n in range(90))) == ["word7 is here"]


# --- Storage ---------------------------------------------------------------------------------------------


@pytest.mark.plain(reason="reads a plan of one server")
def test_search_reads_only_the_covering_index(
    ada: User, index: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        remember(ada, f"zebra {number}")
    index()
    plans: list[str] = []

    def explain(sql: str, params: list[Any]) -> list[Any]:
        plans.append(_explain(sql, params))
        return []

    monkeypatch.setattr(ranking, "fetch_prepared", explain)
    # The cheapest plan depends on the last vacuum; whether the index alone can answer does not.
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
    search_query.search_memories(session(ada), "zebra")
    # One plan ranks; the other finds common words.
    reads = [line.strip() for line in "\n".join(plans).splitlines() if "on memories_memoryvector" in line]
    assert len(reads) == len(plans)
    assert all("Index Only Scan using memory_vector_cover" in line for line in reads)


def test_no_approximate_index_exists() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select indexdef from pg_indexes where tablename like 'memories_%%'")
        definitions = [row[0] for row in cursor.fetchall()]
    assert definitions
    assert not [one for one in definitions if "hnsw" in one.lower() or "ivfflat" in one.lower()]


def test_vector_table_is_vacuumed_early() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select reloptions from pg_class where relname = 'memories_memoryvector'")
        [options] = cursor.fetchone()
    assert "autovacuum_vacuum_insert_scale_factor=0.02" in options


def test_widest_passage_fits_the_index(ada: User, index: Callable[[], int]) -> None:
    remember(ada, " ".join(f"word{number}" for number in range(1_000)))
    assert index() == 1
    assert not MemoryVector.objects.filter(embedding__isnull=True).exists()
    [row, *_] = MemoryVector.objects.all()
    row.tokens, row.expires_at = list(range(-(2**63), -(2**63) + get_max_keywords())), timezone.now()
    row.save()  # PostgreSQL rejects a tuple that is too wide


def test_one_large_and_many_small_owners_are_searched_completely(index: Callable[[], int]) -> None:
    from tests.factories import make_person

    people = [make_person(f"p{n}") for n in range(8)]
    for person, count in zip(people, [400, *[10] * 7], strict=True):
        writes.create_memories(session(person), [writes.NewMemory(f"dog fact{n}") for n in range(count)])
    index()
    for person, count in zip(people, [400, *[10] * 7], strict=True):
        assert len(search_query.search_memories(session(person), "hound", limit=500).hits) == count


def _explain(sql: str, params: list[Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, buffers) {sql}", params)
        return "\n".join(row[0] for row in cursor.fetchall())
