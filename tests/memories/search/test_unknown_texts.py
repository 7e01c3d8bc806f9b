"""Texts that mean nothing to the embedding model are found by keyword, and are never near another text."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from memories.index.languages import get_owner_language
from memories.index.passages import split_passages
from memories.models import IndexState, Memory, MemoryVector
from memories.persona.retrieval import judge_memories
from memories.providers.embeddings import reset_provider
from memories.search.near_duplicates import find_similar
from memories.search.query import Arm, search_memories
from tests.factories import remember, session

THAI = ("แมวชื่อมีมี่", "พ่อทำงานธนาคาร", "แพ้ถั่วลิสง", "ประชุมวันศุกร์", "รถสีแดง")


@pytest.fixture(autouse=True)
def _model_of_latin_texts(settings: Settings) -> Iterator[None]:
    settings.EMBEDDING_PROVIDER = "tests.providers.LatinWordHashes"
    reset_provider()
    yield
    reset_provider()


@pytest.fixture
def memories(ada: User, index: Callable[[], int]) -> list[Memory]:
    """Five texts that mean nothing to the model, and one that it knows, all indexed."""
    saved = [remember(ada, text) for text in (*THAI, "The dog sleeps in the hall.")]
    assert index() == len(saved)
    return saved


def test_unknown_texts_are_indexed_without_vectors(ada: User, memories: list[Memory]) -> None:
    rows = MemoryVector.objects.filter(owner=ada)
    assert set(rows.filter(embedding=None).values_list("memory_id", flat=True)) == {
        memory.pk for memory in memories[:-1]
    }
    assert not rows.filter(space=None).exists()  # nothing waits for the model
    assert not Memory.objects.exclude(index_state=IndexState.READY).exists()


def test_unknown_texts_are_never_the_same(ada: User, memories: list[Memory]) -> None:
    assert [find_similar(session(ada), memory.pk) for memory in memories] == [[]] * len(memories)


def test_known_part_of_a_text_does_not_make_two_texts_the_same(ada: User, index: Callable[[], int]) -> None:
    known = "The dog sleeps in the hall."
    whole, partly = remember(ada, known), remember(ada, f"{known}\n\n{THAI[0] * 30}")
    assert len(split_passages(partly.text, get_owner_language(ada))) > 1
    index()
    for memory in (whole, partly):
        assert not [each for each in find_similar(session(ada), memory.pk) if each.is_same or each.update]


@pytest.mark.usefixtures("memories")
def test_unknown_question_is_a_keyword_search(ada: User) -> None:
    found = search_memories(session(ada), THAI[2])
    assert [hit.memory.text for hit in found.hits] == [THAI[2]]
    assert not found.degraded
    assert found.hits[0].cosine is None
    assert not search_memories(session(ada), THAI[2], arms={Arm.MEANING}).hits


@pytest.mark.usefixtures("memories")
@pytest.mark.parametrize("arms", [{Arm.MEANING}, set(Arm)])
def test_known_question_does_not_find_unknown_texts(ada: User, arms: set[Arm]) -> None:
    found = search_memories(session(ada), "Where is the puppy?", arms=arms)
    assert [hit.memory.text for hit in found.hits] == ["The dog sleeps in the hall."]


@pytest.mark.usefixtures("memories")
@pytest.mark.parametrize("question", ["ฉันทำอะไรเมื่อวาน", "Who plays the cello?"])
def test_persona_answers_nothing_with_unknown_texts(ada: User, question: str) -> None:
    judged, _is_degraded = judge_memories(session(ada), ada, question)
    assert judged.answers == 0
