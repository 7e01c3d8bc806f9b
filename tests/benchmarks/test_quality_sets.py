"""The evaluation sets are complete, consistent, and mostly ask in other words than their memories use."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from memories.index.keywords import extract_words
from memories.index.languages import get_language

ENGLISH = get_language("en")
SETS = Path(__file__).parents[2] / "benchmarks" / "quality" / "sets"
LANGUAGES = ("de", "fr", "es", "pt", "ru", "ar", "hi", "zh", "ja", "ko")
NAMES = ("natural-en", "paraphrases-en", *LANGUAGES)
MAX_FILES = 14
MAX_BYTES = 300_000
MIN_PARAPHRASED = 0.5
MIN_TEXTS_OF_FUNCTION_WORD = 5
# Memories and questions.
MIN_COUNTS = {"natural-en": (390, 110), "paraphrases-en": (320, 60), **dict.fromkeys(LANGUAGES, (80, 45))}


@cache
def read_file(name: str) -> dict[str, Any]:
    contents: dict[str, Any] = json.loads((SETS / f"{name}.json").read_text("utf-8"))
    return contents


def read_set(name: str) -> dict[str, Any]:
    contents: dict[str, Any] = read_file("languages")[name] if name in LANGUAGES else read_file(name)
    return contents


def list_pairs() -> list[dict[str, Any]]:
    sets = read_file("updates-en"), read_file("updates-more-en")
    return [pair for each in sets for pair in (*each["updates"], *each["look_alikes"])]


def list_texts(name: str) -> Iterator[str]:
    contents = read_set(name)
    for entry in chain(contents["memories"], contents["questions"]):
        yield entry["text"]
    yield from contents.get("unanswerable", ())


def find_words(text: str) -> set[str]:
    """Return the words that the index would store, except single characters: those of Chinese rarely are words."""
    return {word for word in extract_words(text, ENGLISH) if len(word) > 1}


def find_function_words(name: str) -> set[str]:
    """Return the words that occur in so many texts of a set that they are no content words.

    English has a list of stop words, which are not indexed.
    """
    if name not in LANGUAGES:
        return set()
    counts = Counter(word for text in list_texts(name) for word in find_words(text))
    return {word for word, count in counts.items() if count >= MIN_TEXTS_OF_FUNCTION_WORD}


def list_paraphrased(name: str) -> list[bool]:
    """Return for each question whether it shares no content word with any memory that answers it."""
    contents = read_set(name)
    function_words = find_function_words(name)
    words_by_id = {
        memory["id"]: find_words(memory["text"]) - function_words for memory in contents["memories"]
    }
    return [
        all(words_by_id[memory].isdisjoint(find_words(question["text"])) for memory in question["answers"])
        for question in contents["questions"]
    ]


def test_files_are_few_and_small() -> None:
    files = list(SETS.iterdir())
    assert len(files) <= MAX_FILES
    assert {file.name: file.stat().st_size for file in files if file.stat().st_size > MAX_BYTES} == {}


def test_each_language_has_a_set() -> None:
    assert tuple(read_file("languages")) == LANGUAGES


@pytest.mark.parametrize("name", NAMES)
def test_entries_have_the_documented_fields(name: str) -> None:
    contents = read_set(name)
    fields = {"id", "text"} | ({"date"} if name.endswith("-en") else set())
    fields |= {"about"} if name == "natural-en" else set()
    assert {frozenset(memory) for memory in contents["memories"]} == {frozenset(fields)}
    assert {frozenset(question) for question in contents["questions"]} == {
        frozenset(("text", "asked_by", "answers"))
    }
    assert {question["asked_by"] for question in contents["questions"]} <= {"person", "client"}
    for memory in contents["memories"]:
        assert memory.get("about", "owner") in ("owner", "others")
        assert "date" not in memory or date.fromisoformat(memory["date"])


@pytest.mark.parametrize("name", NAMES)
def test_sets_are_large_enough(name: str) -> None:
    contents = read_set(name)
    min_memories, min_questions = MIN_COUNTS[name]
    assert len(contents["memories"]) >= min_memories
    assert len(contents["questions"]) >= min_questions


def test_natural_set_mixes_the_owner_with_others_and_people_with_clients() -> None:
    contents = read_set("natural-en")
    about = [memory["about"] for memory in contents["memories"]]
    askers = [question["asked_by"] for question in contents["questions"]]
    assert about.count("owner") >= 130
    assert about.count("others") >= 260
    assert min(askers.count("person"), askers.count("client")) >= 55
    assert len(contents["unanswerable"]) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_memories_of_the_set(name: str) -> None:
    contents = read_set(name)
    ids = [memory["id"] for memory in contents["memories"]]
    answers = {memory for question in contents["questions"] for memory in question["answers"]}
    assert len(ids) == len(set(ids))
    assert answers <= set(ids)
    assert all(question["answers"] for question in contents["questions"])


@pytest.mark.parametrize("name", NAMES)
def test_no_text_occurs_twice(name: str) -> None:
    texts = [text.casefold().strip() for text in list_texts(name)]
    assert len(texts) == len(set(texts))
    assert all(texts)


@pytest.mark.parametrize("name", NAMES)
def test_most_questions_share_no_content_word_with_their_answers(name: str) -> None:
    paraphrased = list_paraphrased(name)
    assert sum(paraphrased) / len(paraphrased) >= MIN_PARAPHRASED


def test_all_paraphrases_share_no_content_word_with_their_memory() -> None:
    texts = [question["text"] for question in read_set("paraphrases-en")["questions"]]
    assert [
        text for text, is_other in zip(texts, list_paraphrased("paraphrases-en"), strict=True) if not is_other
    ] == []


def test_updates_cover_every_kind_of_change() -> None:
    updates = read_file("updates-en")
    assert len(updates["updates"]) >= 40
    assert len(updates["look_alikes"]) >= 40
    assert {pair["kind"] for pair in updates["updates"]} == {
        "moved", "job", "number", "price", "no-longer", "allergy-false", "relation", "preference", "schedule",
        "device", "count",
    }  # fmt: skip
    assert {pair["kind"] for pair in updates["look_alikes"]} == {"two-facts", "two-events", "two-people"}


def test_newer_memory_of_a_pair_has_the_later_date() -> None:
    for pair in list_pairs():
        assert date.fromisoformat(pair["older"]["date"]) < date.fromisoformat(pair["newer"]["date"]), pair


def test_update_texts_are_distinct_and_their_distractors_exist() -> None:
    updates = read_file("updates-en")
    facts = {memory["id"]: memory["text"] for memory in read_set("natural-en")["memories"]}
    texts = [pair[which]["text"] for pair in list_pairs() for which in ("older", "newer")]
    texts += [pair[which] for pair in updates["updates"] for which in ("present", "past")]
    texts += [facts[memory] for memory in updates["distractors"]]
    assert len(updates["distractors"]) >= 150
    assert len(texts) == len(set(texts))


def test_every_english_question_has_a_rewriting() -> None:
    questions = {
        entry["text"] for name in ("natural-en", "paraphrases-en") for entry in read_set(name)["questions"]
    }
    assert set(read_file("rewritings-en")) == questions
