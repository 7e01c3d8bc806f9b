"""A persona answers with what holds now, and names what was before only if asked about it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from accounts.models import User
from memories.index.languages import get_language
from memories.models import Memory
from memories.persona import answers, generation, retrieval
from memories.persona.current_facts import asks_about_past
from memories.services import writes
from tests.factories import remember, session

pytestmark = pytest.mark.django_db

OLD = "I live in Berlin, near the zoo."
NEW = "I moved to Hamburg."


def remember_at(user: User, day: str, text: str, **fields: object) -> Memory:
    memory = remember(user, text, **fields)
    Memory.objects.filter(pk=memory.pk).update(created_at=datetime.fromisoformat(day).replace(tzinfo=UTC))
    return memory


def ask(user: User, question: str) -> answers.Answer:
    return retrieval.ask_persona(session(user), user, question)


def list_shown(answer: answers.Answer) -> list[str]:
    return [each.memory.text for each in (*answer.citations, *answer.closest)]


@pytest.fixture
def linked(ada: User, index: Callable[[], int]) -> tuple[Memory, Memory]:
    older = remember_at(ada, "2024-03-02", OLD)
    newer = remember_at(ada, "2026-05-19", NEW, supersedes=older.pk)
    remember(ada, "I drive a van.")
    index()
    return older, newer


def test_the_present_fact_answers_alone(ada: User, linked: tuple[Memory, Memory]) -> None:
    answer = ask(ada, "Where do I live?")
    assert answer.text == f"{NEW} [1]"
    assert OLD not in list_shown(answer)
    prepared = retrieval.prepare_answer(session(ada), ada, "Where do I live?")
    assert linked[0].pk not in [source.memory.pk for source in prepared.sources]


def test_a_question_about_the_past_names_both_with_dates(ada: User, linked: tuple[Memory, Memory]) -> None:
    answer = ask(ada, "Where did I live before?")
    assert answer.text == f"{OLD} (until 2026-05-19) [1]\n\n{NEW} (2026-05-19) [2]"


def test_a_removed_link_lets_the_old_fact_answer(ada: User, linked: tuple[Memory, Memory]) -> None:
    writes.update_memory(session(ada), linked[1].pk, supersedes=None)
    assert OLD in [each.memory.text for each in ask(ada, "Where do I live?").citations]


def test_others_get_the_public_fact_that_they_see(
    ada: User, bob: User, linked: tuple[Memory, Memory]
) -> None:
    ada.persona_enabled = True
    ada.save()
    writes.set_visibility(session(ada), linked[0].pk, "public")
    answer = retrieval.ask_persona(session(bob), ada, "Where does Ada live, near the zoo in Berlin?")
    assert list_shown(answer) == [OLD]
    assert all(each.dates == "" for each in answer.citations)


def test_facts_that_look_like_an_update_are_shown_with_their_dates(
    ada: User, index: Callable[[], int]
) -> None:
    remember_at(ada, "2024-01-01", "The PIN of the garage is 3381.")
    remember_at(ada, "2026-01-01", "The PIN of the garage is 7154.")
    index()
    assert ask(ada, "What is the PIN of the garage?").text == (
        "The PIN of the garage is 7154. (2026-01-01) [1]\n\nThe PIN of the garage is 3381. (2024-01-01) [2]"
    )


def test_dates_are_the_askers_days(ada: User, index: Callable[[], int]) -> None:
    remember_at(ada, "2024-01-01T02:00", "The PIN of the garage is 3381.")
    remember_at(ada, "2026-01-01T02:00", "The PIN of the garage is 7154.")
    index()
    ada.time_zone = "America/New_York"
    prepared = retrieval.prepare_answer(session(ada), ada, "What is the PIN of the garage?")
    assert "(2025-12-31)" in prepared.quoted.text
    days = [generation._format_source(session(ada), each)[4:16] for each in prepared.quoted.citations]
    assert days == ["(2025-12-31)", "(2023-12-31)"]


def test_a_chat_model_reads_when_a_fact_was_true(ada: User, linked: tuple[Memory, Memory]) -> None:
    prepared = retrieval.prepare_answer(session(ada), ada, "Where did I live before?")
    sources = [generation._format_source(session(ada), each) for each in prepared.quoted.citations]
    assert sources == [f"[1] (2024-03-02 until 2026-05-19) {OLD}", f"[2] (2026-05-19) {NEW}"]


@pytest.mark.parametrize(
    ("question", "is_past"),
    [
        ("Where did I live before?", True),
        ("What was my old number?", True),
        ("Who used to be my manager?", True),
        ("Where did my parents live before they sold up?", True),
        ("What is my former address?", True),
        ("Where do people say I lived before?", True),
        ("Which flat do I have before the move?", False),
        ("How many pills do I take before breakfast?", False),
        ("What do I take once a day?", False),
        ("Where do I live?", False),
        ("How old is my son?", False),
        ("What is my job now?", False),
        ("Who is my manager?", False),
        ("Is my appointment in 2999?", False),
    ],
)
def test_questions_about_the_past_are_recognized(question: str, is_past: bool) -> None:
    assert asks_about_past(question, get_language("en")) == is_past


def test_a_past_year_is_recognized_in_any_language() -> None:
    assert asks_about_past("Wo habe ich 2019 gewohnt?", get_language("de"))
    assert not asks_about_past("Wo wohne ich?", get_language("de"))
