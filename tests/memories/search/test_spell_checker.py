"""Typing errors: a query with one wrong letter finds what it means, and nothing hidden shows by it."""

from typing import Any

import pytest

from accounts.models import User
from memories.index.languages import get_language
from memories.search import spell_checker
from memories.search.query import search_memories
from memories.search.ranking_query import VisibleRows
from memories.search.visible_words import FEW_WORDS, VisibleWords
from tests.factories import remember, session

pytestmark = pytest.mark.django_db


BRANDS = (
    "revolut vinted airbnb spotify xiaomi klarna monzo garmin strava zwift fitbit huawei figma zapier venmo"
)
TOOLS = "zelle sonos postgres numpy tiktok duolingo kubernetes pytest grafana nginx webpack fastapi miele nespresso"
FOOD = "matcha mochi kombucha ramen tempeh udon chia harissa mezcal burrata sriracha shakshuka bibimbap"
SPORTS_AND_FAMILIES = "bouldering padel pilates moller möller kaczmarek lindqvist virtanen okonkwo"
# In no list of words of this project.
UNLISTED = "cortado cassava tortellini peugeot logitech nvidia escitalopram ashtanga vinyasa adeyemi fujimoto"


def correct(owner: User, query: str, *, by: User | None = None) -> str:
    rows = VisibleRows.for_actor(session(by or owner), owner)
    visible = VisibleWords(rows, owner.pk, with_tags=by is None)
    return spell_checker.correct_query(query, get_language("en"), visible)


def search(user: User, query: str, **how: Any) -> list[str]:
    return [hit.memory.text for hit in search_memories(session(user), query, **how).hits]


def test_word_with_one_wrong_letter_finds_the_memory(ada: User) -> None:
    remember(ada, "My birthday is on 2 May.")
    remember(ada, "The door code is 4711.")
    for wrong in ("brithday", "birtday", "birthdayy", "birthdsy", "brithday’s"):
        [hit] = search_memories(session(ada), f"{wrong} of Ada").hits
        assert (hit.memory.text, hit.matched) == ("My birthday is on 2 May.", ("birthday",)), wrong


def test_result_says_what_was_searched_for(ada: User) -> None:
    remember(ada, "My birthday is on 2 May.")
    assert search_memories(session(ada), "my brithday").corrected == "my birthday"
    assert search_memories(session(ada), "my birthday").corrected is None


def test_word_of_any_length_has_few_candidates(ada: User) -> None:
    long = "x" * 500
    remember(ada, f"{long} is a very long word.")
    assert correct(ada, f"{long}y") == f"{long}y"
    assert search_memories(session(ada), "x" * 1_000).corrected is None


def test_words_in_quotation_marks_stay(ada: User) -> None:
    remember(ada, "My birthday is on 2 May.")
    assert search(ada, '"brithday"') == []


def test_correct_words_and_names_stay(ada: User) -> None:
    remember(ada, "Osian collects stamps.")
    for query in (
        "sibling rivalry at the conservatory",  # dictionary words, though no memory has them
        "Osian",  # in a memory
        "with Marlin",  # a name unlike any memory's
        "IBAN and eBay",
        "x7431",
        "Wo schläft meine kleine Katze heute",
    ):
        assert correct(ada, query) == query


@pytest.mark.parametrize(
    "words", [BRANDS, TOOLS, FOOD, SPORTS_AND_FAMILIES, UNLISTED], ids=lambda words: words[:8]
)
def test_words_unknown_to_the_dictionary_do_not_become_others_that_no_memory_has(
    ada: User, words: str
) -> None:
    remember(ada, "Nothing of the kind.")
    assert {word: correct(ada, word) for word in words.split()} == {word: word for word in words.split()}


def test_what_no_memory_has_replaces_errors(ada: User) -> None:
    for wrong, right in {
        "frist": "first",  # common
        "hosptal": "hospital",  # long, with the same start
        "poscode": "postcode",  # of seven letters, one left out
        "hzelnut": "hazelnut",  # letters that do not follow each other
    }.items():
        assert correct(ada, wrong) == right


def test_name_is_not_replaced_by_another_name(ada: User) -> None:
    remember(ada, "Hanson and Zebrowski are my doctors.")
    assert correct(ada, "call Hansun") == "call Hansun"
    assert correct(ada, "call Hasnon") == "call hanson"
    assert correct(ada, "call Zebrovski") == "call zebrowski"


def test_misspelled_name_is_only_replaced_by_a_memorys(ada: User) -> None:
    assert correct(ada, "call Anneleise and Ferderick") == "call Anneleise and Ferderick"
    remember(ada, "Anneliese is our vet.")
    assert correct(ada, "call Anneleise") == "call anneliese"


def test_memories_words_come_before_more_common_ones(ada: User) -> None:
    assert correct(ada, "loked") == "looked"
    remember(ada, "The shed is locked.")
    assert correct(ada, "loked") == "locked"


def test_misspelled_words_of_hidden_memories_are_not_found(ada: User, bob: User) -> None:
    ada.persona_enabled = True
    ada.save()
    remember(ada, "Zebrowski is my doctor.")
    assert correct(ada, "ask Zebrovski") == "ask zebrowski"
    assert correct(ada, "ask Zebrovski", by=bob) == "ask Zebrovski"
    remember(ada, "Zebrowski is my doctor.", visibility="public")
    assert correct(ada, "ask Zebrovski", by=bob) == "ask zebrowski"


def test_symbols_that_no_memory_has_are_left_out(ada: User) -> None:
    remember(ada, "☕ at noon.")
    assert correct(ada, "birthday 🎂🎂 or ☕️?") == "birthday or ☕️?"
    assert correct(ada, "🎂") == "🎂"


def test_accents_are_no_errors(ada: User) -> None:
    for query in ("café", "ask müller", "naïve résumé"):
        assert correct(ada, query) == query


def test_words_of_tags_are_no_errors(ada: User, bob: User) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True)
    remember(ada, "A pasta bake.", tags=["Recipees"], visibility="public")
    assert correct(ada, "recipees") == "recipees"
    assert correct(ada, "recipees", by=bob) == "recipes"


def test_other_languages_are_corrected_by_how_frequent_words_are(ada: User) -> None:
    costs = {
        "mutter": 13.0,
        "butter": 13.0,
        "gebrutstag": 37.0,
        "Geburtstag": 13.5,
        "gebrautstag": 36.0,
        "müller": 13.0,
        "muller": 15.0,
    }

    def correct_german(query: str, *, is_measured: bool = True) -> str:
        visible = VisibleWords(VisibleRows.for_actor(session(ada), ada), ada.pk, with_tags=True)
        return spell_checker.correct_query(
            query,
            get_language("de"),
            visible,
            lambda words: [costs.get(word, 30.0) for word in words] if is_measured else None,
        )

    remember(
        ada, "Geburtstag im Mai, die Butter ist alle, gebrautstag. Müller rief an. Mull."
    )  # "mull" is the German stem
    assert correct_german("wann ist mein Gebrutstag") == "wann ist mein geburtstag"
    assert correct_german("was mag meine Mutter") == "was mag meine Mutter"  # a word, though no memory has it
    assert correct_german("wann ist mein Gebrutstag", is_measured=False) == "wann ist mein Gebrutstag"
    assert correct_german("Möller") == "Möller"  # another surname
    assert correct_german("was sagt Möller") == "was sagt Möller"
    assert correct_german("was sagt Mülelr") == "was sagt müller"
    assert correct_german("wann ist mein Geburtstsg") == "wann ist mein geburtstag"
    assert "рождения" in spell_checker._edit_word("рождениа")


def test_words_are_present_however_many_are_asked(ada: User) -> None:
    remember(ada, "The zebra.")
    remember(ada, "The walrus.", visibility="public")
    rows = VisibleRows.for_actor(session(ada), ada)
    visible = VisibleWords(rows, ada.pk, with_tags=True)
    words = ["zebra", "walrus", *(f"word{number}" for number in range(FEW_WORDS))]
    assert visible.find_present(words[:FEW_WORDS]) == visible.find_present(words) == {"zebra", "walrus"}


def test_dictionary_orders_words_by_frequency() -> None:
    lines = spell_checker._load_dictionary()
    assert lines["the"] < lines["birthday"] < lines["sibling"] < lines["praline"]
