"""Which memories answer a question, and which are only near it."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from accounts.models import User
from memories.persona import answers as persona_answers
from memories.persona import retrieval as persona_retrieval
from memories.persona.answers import Answer
from memories.search.answer_strength import MAX_ANSWERS
from tests.factories import remember, session

pytestmark = pytest.mark.django_db

CLOSEST = "No memory clearly answers that. The closest memories may help."


def ask(person: User, question: str) -> Answer:
    return persona_retrieval.ask_persona(session(person), person, question)


def get_texts(sources: tuple[persona_answers.Citation, ...]) -> list[str]:
    return [source.text for source in sources]


def test_meaning_decides_with_the_shipped_model(
    ada: User, index: Callable[[], int], settings: Settings
) -> None:
    settings.EMBEDDING_PROVIDER = "local"
    for text in (
        "Penicillin brought me out in hives when I was seven.",
        "Kwame has his dentist appointment on 4 December.",
        "Our dog is a whippet called Pickle. She is terrified of hoovers.",
    ):
        remember(ada, text)
    index()
    in_other_words = ask(ada, "which antibiotic am I not allowed")
    assert in_other_words.text == "Penicillin brought me out in hives when I was seven. [1]"
    with_its_words = ask(ada, "when is the hoover being repaired")
    assert (with_its_words.text, with_its_words.citations) == (CLOSEST, ())
    assert (
        with_its_words.closest[0].text == "Our dog is a whippet called Pickle. She is terrified of hoovers."
    )


def test_synonyms_are_answered(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "My dog barks at bicycles.")
    remember(ada, "The boiler was serviced in October.")
    index()
    assert get_texts(ask(ada, "Which bike does the puppy chase?").citations) == ["My dog barks at bicycles."]


def test_some_words_in_common_are_no_answer(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "We need a new green door for the old garage.")
    index()
    answer = ask(ada, "what secret code unlocks the garage door?")
    assert (answer.text, answer.citations) == (CLOSEST, ())
    assert len(answer.closest) == 1


def test_names_alone_are_no_answer(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "Imogen has night shifts until the 14th.")
    index()
    answer = ask(ada, "What does Imogen's boyfriend do for a living?")
    assert (answer.citations, len(answer.closest)) == ((), 1)


def test_own_memory_comes_before_one_about_somebody_else(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "Lotte drinks tea.")
    remember(ada, "I drink black tea.")
    index()
    answer = ask(ada, "what tea do I drink?")
    assert get_texts(answer.citations)[0] == "I drink black tea."


@pytest.mark.parametrize(
    "said", ["Ruth: I adopted a beagle puppy last week.", "Ruth adopted a beagle puppy."]
)
def test_what_one_person_said_does_not_answer_a_question_about_another(
    ada: User, index: Callable[[], int], said: str
) -> None:
    remember(ada, said)
    remember(ada, said.replace("adopted a beagle puppy", "asked after Omar's work"))
    remember(ada, "Omar: I am so tired of work, Ruth!")
    index()
    assert ask(ada, "What puppy did Ruth adopt?").citations
    assert ask(ada, "What puppy did Omar adopt?").citations == ()


def test_acronym_in_a_question_is_not_a_name(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "The number for the bank card is on the fridge.")
    index()
    assert ask(ada, "What is the PIN number of the bank card?").citations


def test_nothing_near_is_a_clear_refusal(ada: User, index: Callable[[], int]) -> None:
    remember(ada, "The zebra sleeps in the garden.")
    index()
    answer = ask(ada, "Which physician treats my knee?")
    assert (answer.text, answer.citations, answer.closest) == ("No memory answers that.", (), ())


def test_near_memories_are_shown_besides_those_that_answer(ada: User, index: Callable[[], int]) -> None:
    for number in range(12):
        remember(ada, f"The zebra sleeps in garden number {number}.")
    index()
    answer = ask(ada, "Where does the zebra sleep?")
    assert [source.number for source in answer.citations + answer.closest] == list(range(1, 11))
    assert len(answer.citations) == MAX_ANSWERS
    assert answer.closest[0].text not in answer.text


def test_closest_private_memories_are_marked_and_stay_private(
    ada: User, bob: User, index: Callable[[], int]
) -> None:
    ada.persona_enabled = True
    ada.save()
    remember(ada, "We need a new green door for the old garage.")
    remember(ada, "The garage door is green.", visibility="public")
    index()
    question = "what secret code unlocks every heavy iron garage?"
    own, other = (persona_retrieval.ask_persona(session(who), ada, question) for who in (ada, bob))
    assert (own.includes_private, len(own.closest)) == (True, 2)
    assert not other.includes_private
    assert get_texts(other.closest) == ["The garage door is green."]
