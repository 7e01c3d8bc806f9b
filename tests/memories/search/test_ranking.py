"""Ranking: words never drown meaning, and exact words and phrases still come first."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from memories.index import keywords
from memories.index.languages import get_language
from memories.index.specificity import measure_content, measure_specificity
from memories.providers.embeddings import reset_provider
from memories.providers.embeddings_multilingual import MultilingualEmbeddings
from memories.search.query import search_memories
from memories.services import writes
from tests.factories import remember, session

ENGLISH = get_language("en")
FACTS = """
Our dog is called Bruno.
The kind of tea I drink is oolong.
My user name on most forums is heron_86.
The name of our street means mill in Dutch.
Our home is a rented flat in Rotterdam.
The landlord is Mr. Petrov and the rent is due on the first.
My sister Ines lives in Porto with her two kids.
The kitchen tap drips at night.
I work from home on Fridays.
My favourite colour is dark green.
I bought a red kettle last week.
I go swimming on Thursdays.
We have a small balcony with tomatoes.
My neighbour plays the trumpet.
I watched a documentary about whales.
I forgot my umbrella on the bus.
I sleep with the window open.
I keep a diary in a black notebook.
I usually cook pasta on Mondays.
The library card number is 55-1203.
I need new headphones.
I have been to Iceland twice.
I want to read more poetry this year.
We are thinking about moving to a house with a garden.
The bakery closes at six.
I like to take long walks along the river.
My phone is an old Pixel.
I pay 40 euros a month for electricity.
The train to work takes 35 minutes.
I volunteer at the food bank twice a month.
I am trying to use less plastic.
My current project is a migration of the billing system.
I talk to my mother every Sunday evening.
We painted the living room yellow.
I once met the mayor at a market.
I hate doing the dishes.
My desk faces the window.
I listen to podcasts about history.
My cousin is a pilot.
I ordered a new bike pump.
I keep my documents in a green folder.
I like spicy food, but not too hot.
I was late for work twice this month.
I met Tobias for a beer on Friday.
Our favourite restaurant is the Golden Pear.
I always carry a pen.
The doctor said my cholesterol is fine.
I am taking a week off in May.
I keep forgetting to water the plants.
I enjoy board games with friends.
My first computer was a Commodore.
I usually take the stairs.
I was born on 2 February 1986.
I drive a grey 2017 Skoda Octavia.
My passport expires in March 2028.
My dentist is Dr. Okafor on Elm Street.
I run half marathons and my best time is 1:42.
My gym locker code is 8823.
I have a standing desk but hardly use it.
I am afraid of flying.
""".strip().splitlines()

pytestmark = pytest.mark.django_db


@pytest.fixture
def facts(ada: User, settings: Any, index: Callable[[], int]) -> list[str]:
    """Save sixty facts with the vectors of the local model."""
    settings.EMBEDDING_PROVIDER = "local"
    reset_provider()
    writes.create_memories(session(ada), [writes.NewMemory(fact) for fact in FACTS])
    assert index() == len(FACTS) == 60
    return FACTS


def find_first(user: User, query: str) -> str:
    return search_memories(session(user), query, limit=1).hits[0].memory.text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the name of the animal that barks at our home?", "Our dog is called Bruno."),
        ("What kind of car do I have?", "I drive a grey 2017 Skoda Octavia."),
        ("How old am I?", "I was born on 2 February 1986."),
        ("Who looks after my teeth at home?", "My dentist is Dr. Okafor on Elm Street."),
    ],
)
def test_one_generic_word_does_not_outrank_meaning(
    ada: User, facts: list[str], question: str, answer: str
) -> None:
    assert find_first(ada, question) == answer


def test_only_memory_with_word_ranks_first(ada: User, facts: list[str]) -> None:
    counts = Counter(word for fact in facts for word in keywords.extract_words(fact, ENGLISH))
    only = {
        fact: [word for word in _split(fact) if counts[keywords.extract_words(word, ENGLISH)[0]] == 1]
        for fact in facts
    }
    wrong = [words[0] for fact, words in only.items() if words and find_first(ada, words[0]) != fact]
    assert wrong == []


def test_only_memory_with_phrase_ranks_first(ada: User, facts: list[str]) -> None:
    phrases = {fact: " ".join(fact.rstrip(".").split()[-3:]) for fact in facts}
    assert [phrase for fact, phrase in phrases.items() if find_first(ada, phrase) != fact] == []


def test_several_words_in_common_outrank_one(ada: User, index: Callable[[], int]) -> None:
    for number in range(20):
        remember(ada, f"Note {number} about the garden.")
    remember(ada, "The name is on the list.")
    remember(ada, "The lake near the old mill.")
    index()
    assert find_first(ada, "the name of the lake by that mill") == "The lake near the old mill."


def test_name_says_more_than_generic_word() -> None:
    query = "What kind of name is Octavia8823 in the kitchen?"
    words = keywords.extract_words(query, ENGLISH)
    said = dict(zip(words, measure_specificity(query, words, ENGLISH), strict=True))
    assert said["kind"] < said["kitchen"] < said["octavia8823"] == 1


def test_name_says_more_than_frequent_word_in_any_language() -> None:
    provider = MultilingualEmbeddings()
    for code, query in {
        "de": "Name von Wiesinger",
        "ru": "имя собаки Пельмень",
        "several": "nom Épagneule",
    }.items():
        language = get_language(code)
        words = keywords.extract_words(query, language)
        said = measure_specificity(query, words, language, provider.compute_word_costs)
        assert said[0] < 0.3 < 0.9 < said[-1]
        assert measure_specificity(query, words, language) == [0.5] * len(words)


@pytest.mark.parametrize(("query", "content"), [("How old am I?", 0.25), ("zebra", 1), ("to be", 0), ("", 1)])
def test_stop_words_are_not_content(query: str, content: float) -> None:
    assert measure_content(query, ENGLISH) == content


def _split(fact: str) -> list[str]:
    return [word for word, stems in keywords.split_words(fact, ENGLISH) if stems]
