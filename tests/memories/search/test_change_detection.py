"""What differs between two similar texts, and whether the newer one may replace the older one."""

from collections.abc import Callable

import pytest

from accounts.models import User
from memories.index.languages import get_language
from memories.models import AuditEvent
from memories.persona.current_facts import asks_about_past
from memories.search import near_duplicates
from memories.search.change_detection import describe_update, find_contradictions
from memories.services import writes
from tests.factories import app, remember, session

ENGLISH = get_language("en")

UPDATES = [
    ("I live in Berlin.", "I moved from Berlin to Hamburg.", 0.7, "change", "moved"),
    ("I live in Antwerp, near the zoo.", "We've moved to Ghent.", 0.4, "change", "moved"),
    (
        "I run ten kilometres every Sunday.",
        "My knee is done for: I no longer run.",
        0.36,
        "change",
        "no longer",
    ),
    ("PIN of the keypad: 3381", "PIN of the keypad: 7154", 0.91, "number", "7154"),
    ("My mobile number is 0470 118 220.", "New mobile number: 0499 634 017.", 0.84, "number", "0499"),
    ("I am allergic to peanuts.", "I am not allergic to peanuts.", 0.97, "negation", "not"),
    ("Florian hates mushrooms.", "Florian loves mushrooms.", 0.9, "negation", "loves"),
    ("I drink my tea with two sugars.", "I drink my tea without sugar.", 0.88, "negation", "without"),
    ("My favourite colour is teal.", "My favourite colour is mustard.", 0.55, "value", "mustard"),
    ("My manager is Cordula.", "My manager is Casimir.", 0.7, "name", "Casimir"),
    ("Rehearsal is on Wednesdays at seven.", "Rehearsal is on Mondays at six.", 0.82, "time", "Mondays"),
    ("My flight leaves at 7:40.", "My flight leaves at 9:05.", 0.9, "time", "9:05"),
]

LANGUAGES = {"Ich": "de", "Je": "fr", "我对花生过敏。": "several"}
LOOK_ALIKES = [
    ("Our dog Muffin is afraid of thunder.", "Our dog Pickle is afraid of vacuum cleaners.", 0.8),
    ("My son Emil is 7.", "My daughter Saskia is 11.", 0.8),
    ("Henrike's number is 0680 112 994.", "Ludovic's number is 0680 774 031.", 0.8),
    ("My bike has a lock with the code 7712.", "My suitcase has a lock with the code 0914.", 0.8),
    ("The code of the gate is 4417.", "The code of the garage is 9026.", 0.8),
    ("Gave blood on 3 March.", "Gave blood on 9 June.", 0.9),
    ("We spent New Year 2024 in Lisbon.", "We spent New Year 2025 in Krakow.", 0.9),
    ("I ran the Antwerp marathon in 2023 in 4:12.", "I ran the Rotterdam marathon in 2024 in 4:05.", 0.9),
    ("Vet on 4 June: Minka's teeth.", "Vet on 8 July: Minka's vaccination.", 0.8),
    ("My mother's surgery is on 6 May.", "My father's surgery is on 19 May.", 0.9),
    ("Bram no longer eats meat.", "Ottilie no longer eats sugar.", 0.7),
    ("I eat meat.", "Kwame no longer eats meat.", 0.7),
    ("My favourite bread is rye.", "My favourite cheese is Comte.", 0.8),
    ("I am allergic to house dust.", "I am allergic to birch pollen.", 0.8),
    ("I don't eat meat.", "I eat fish.", 0.7),
    ("I like jazz.", "I like jazz a lot.", 0.95),
]


@pytest.mark.parametrize(("older", "newer", "cosine", "kind", "word"), UPDATES)
def test_an_update_says_what_differs(older: str, newer: str, cosine: float, kind: str, word: str) -> None:
    found = describe_update(older, newer, cosine, ENGLISH)
    assert (kind, True) in [(each.kind, word in each.newer) for each in found]


@pytest.mark.parametrize(("older", "newer", "cosine"), LOOK_ALIKES)
def test_what_stays_true_is_no_update(older: str, newer: str, cosine: float) -> None:
    assert describe_update(older, newer, cosine, ENGLISH) == []


def test_unrelated_texts_are_no_update_whatever_their_words() -> None:
    assert describe_update("I live in Berlin.", "The cat moved the mouse.", 0.1, ENGLISH) == []


@pytest.mark.parametrize(
    ("one", "other", "kinds"),
    [
        ("I am allergic to peanuts.", "I'm not allergic to peanuts.", {"negation"}),
        ("PIN: 3381", "PIN: 7154", {"number"}),
        ("LH 454 on 3 May", "LH 454 on 4 May", {"time"}),
        ("My dentist is Dr Berg.", "My dentist is Dr Stein.", {"name"}),
        ("I prefer phone calls to e-mail.", "I prefer e-mail to phone calls.", {"negation"}),
        ("Ich bin allergisch gegen Erdnüsse.", "Ich bin nicht allergisch gegen Erdnüsse.", {"negation"}),
        ("Je mange du poisson.", "Je ne mange pas de poisson.", {"negation"}),
        ("我对花生过敏。", "我对花生不过敏。", {"negation"}),
        ("Seen by Dr Berg on 3 May", "Seen by Doctor Berg on May 3rd", set()),
        ("My number is 0470 118220.", "My number is 0470118220.", set()),
        ("I have a dog called Rex.", "My dog's name is Rex.", set()),
        ("I like tea a lot.", "I really like tea.", set()),
    ],
)
def test_contradictions_are_no_duplicates(one: str, other: str, kinds: set[str]) -> None:
    language = get_language(LANGUAGES.get(one.split()[0], "en"))
    assert {each.kind.value for each in find_contradictions(one, other, language)} == kinds


def test_other_languages_are_compared_by_numbers() -> None:
    german = get_language("de")
    [first] = describe_update("Die PIN der Garage ist 3381.", "Die PIN der Garage ist 7154.", 0.9, german)
    assert (first.kind, first.older, first.newer) == ("number", ("3381",), ("7154",))
    assert describe_update("Ich wohne in Kiel.", "Ich wohne in Bonn.", 0.9, german) == []


def test_english_texts_of_a_user_with_several_languages_are_read_as_english() -> None:
    several = get_language("several")
    assert describe_update(
        "I run ten kilometres on Sundays.", "My knee hurts: I no longer run.", 0.4, several
    )
    assert asks_about_past("Where did I live before?", several)
    assert not describe_update("Ich wohne in Kiel.", "Ich bin nach Bonn gezogen.", 0.6, several)
    assert not asks_about_past("Wo war ich?", several)


@pytest.mark.django_db
def test_an_update_is_suggested_and_linked(ada: User, index: Callable[[], int]) -> None:
    older = remember(ada, "I am allergic to bee venom.")
    remember(ada, "I drive a van.")
    newer = remember(ada, "I am not allergic to bee venom.")
    index()
    for memory in (older, newer):
        [found] = near_duplicates.find_updates(session(ada), memory.pk)
        assert found.update is not None
        assert (found.update.newer_id, found.update.older_id) == (newer.pk, older.pk)
        assert (found.is_same, found.cosine > near_duplicates.DUPLICATE_THRESHOLD) == (False, True)
    writes.update_memory(session(ada), newer.pk, supersedes=older.pk)
    assert near_duplicates.find_updates(session(ada), older.pk) == []


@pytest.mark.django_db
def test_a_less_similar_memory_is_only_listed_as_an_update(ada: User, index: Callable[[], int]) -> None:
    older = remember(ada, "I run ten kilometres every Sunday.")
    remember(ada, "My sister likes to swim.")
    newer = remember(ada, "My knee is done for: I no longer run, only cycle.")
    index()
    limited = app(ada)
    [found] = near_duplicates.find_similar(limited, newer.pk)
    assert (found.memory.pk, found.cosine < near_duplicates.SIMILAR_THRESHOLD) == (older.pk, True)
    assert AuditEvent.objects.order_by("pk").last().memory_ids == [older.pk]  # type: ignore[union-attr]


@pytest.mark.django_db
def test_a_dismissed_update_is_not_suggested_again(ada: User, index: Callable[[], int]) -> None:
    older, newer = remember(ada, "PIN of the keypad: 3381"), remember(ada, "PIN of the keypad: 7154")
    index()
    assert len(near_duplicates.find_updates(session(ada), newer.pk)) == 1
    near_duplicates.dismiss_duplicate(session(ada), older.pk, newer.pk)
    assert near_duplicates.find_updates(session(ada), newer.pk) == []
