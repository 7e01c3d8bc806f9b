"""Of a long memory, an answer, a search result and a chat model's prompt show the part that matched."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.test import Client

from accounts.actor import ANONYMOUS
from accounts.models import User
from memories import scopes
from memories.index.languages import Language, get_language
from memories.models import Memory
from memories.persona import answers as persona_answers
from memories.persona import retrieval as persona_retrieval
from memories.search.query import search_memories
from memories.services import representation
from tests.factories import app, remember, session
from tests.memories.mcp.callers import app_of
from tests.memories.persona.test_generation import ask as generate
from tests.model_server import ModelServer

pytestmark = pytest.mark.django_db

FILLER = "Meeting notes without anything of interest, written down by the secretary. " * 40
FACT = "The puppy sleeps in the greenhouse."
TAIL = " Afterwards the secretary wrote about the budget of the coming year." * 40
LETTER = FILLER + FACT + TAIL
QUESTION = "Where does the puppy sleep?"

ENGLISH = get_language("en")


@dataclass(frozen=True)
class Match:
    matched: list[str]
    passage: int | None
    language: Language = ENGLISH


@pytest.fixture
def letter(ada: User, index: Callable[[], int]) -> Memory:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    memory = remember(ada, LETTER, visibility="public")
    index()
    assert memory.vectors.count() > 3
    return memory


def test_answer_quotes_what_matched(ada: User, letter: Memory) -> None:
    for actor in (session(ada), ANONYMOUS):
        answer = persona_retrieval.ask_persona(actor, ada, QUESTION)
        [source] = answer.citations + answer.closest
        assert FACT in source.text
        assert len(source.text) <= persona_answers.EXCERPT_CHARACTERS + 2
        assert source.text.startswith("…")


def test_passage_that_only_means_the_same_is_shown(ada: User, letter: Memory) -> None:
    """Not where a word of the question stands: none does."""
    [hit] = search_memories(session(ada), "a dog and a hound").hits
    assert hit.matched == ()
    assert FACT in representation.excerpt_match(LETTER, hit, 600)


def test_place_with_most_words_is_shown(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "The puppy is ill. " + FILLER + FACT)
    index()
    [hit] = search_memories(session(ada), QUESTION).hits
    text = representation.excerpt_match(hit.memory.text, hit, 600)
    assert FACT in text


def test_search_page_shows_what_matched(ada_client: Client, letter: Memory) -> None:
    assert FACT in ada_client.get("/memories/", {"q": QUESTION}).content.decode()


def test_mcp_search_shows_what_matched(ada: User, letter: Memory) -> None:
    [text] = app_of(ada).call("search", query=QUESTION, max_tokens=500).texts
    assert FACT in text


def test_model_reads_what_matched(ada: User, letter: Memory, model: ModelServer) -> None:
    generate(session(ada), ada, QUESTION)
    assert FACT in model.prompts[0]


def test_passages_are_sought_only_in_what_the_actor_may_see(
    ada: User, bob: User, index: Callable[[], int]
) -> None:
    """A private memory adds nothing to what others are shown, and an app limited to tags sees no other's passages."""
    ada.persona_enabled = True
    ada.save()
    public, tagged = remember(ada, LETTER, visibility="public"), remember(ada, TAIL + FACT, tags=["work"])
    index()
    limited = app(ada, scopes.READ, only_tags=frozenset(tagged.tags.values_list("pk", flat=True)))

    def find(actor: object) -> dict[UUID, int | None]:
        hits = search_memories(actor, QUESTION, owner=ada).hits  # type: ignore[arg-type]
        return {hit.memory.pk: hit.passage for hit in hits}

    assert set(find(session(bob))) == {public.pk}
    assert set(find(limited)) == {tagged.pk}
    assert all(find(session(ada)).values())


def test_short_memory_costs_no_second_look(ada: User, index: Callable[[], int]) -> None:
    remember(ada, FACT)
    index()
    [hit] = search_memories(session(ada), QUESTION).hits
    assert hit.passage is None


@pytest.mark.parametrize("passage", [None, 0, 3, 99])
def test_excerpt_of_any_passage_is_part_of_the_text(passage: int | None) -> None:
    text = representation.excerpt_match(LETTER, Match(["absent"], passage), 200)
    assert text.strip("…") in LETTER
    assert len(text) <= 202
