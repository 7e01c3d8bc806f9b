"""Follow-up questions: what "And where does she live?" means, from the conversation before it, without a chat model.

A question that refers to something named before ("she", "there") is searched with the words of the question that began
the topic and with the names in the last answer. One that only continues ("And Tom?") is searched alone first. The turns
are what a client says was said: they are words for a search, never a source. docs/decisions/0053 has the figures.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memories.index import keywords
from memories.index.languages import Language, read_sections
from memories.index.names import extract_names
from memories.persona.answers import ChatTurn, Citation, remove_citations

MAX_TURNS = 8  # most recent ones that are read
MAX_TURN_CHARACTERS = 1_000  # of each
MAX_CHARACTERS = 200  # of a question that refers to others; a longer one says what it means
MAX_CARRIED_WORDS = 12


@dataclass(frozen=True)
class Reading:
    """One way to understand a question: the text to search, and the text whose names an answer must contain."""

    text: str
    named: str


@dataclass(frozen=True)
class _References:
    """How a question refers to the conversation before it."""

    has_pronoun: bool
    continues: bool

    def __bool__(self) -> bool:
        return self.has_pronoun or self.continues


def list_readings(question: str, turns: Sequence[ChatTurn], language: Language) -> list[Reading]:
    """Return the readings of a question, the likeliest first: of one that needs no conversation, only itself."""
    alone = Reading(question, question)
    references = _find_references(question, language)
    recent = [ChatTurn(turn.role, turn.text[:MAX_TURN_CHARACTERS]) for turn in turns[-MAX_TURNS:]]
    start = _find_topic(recent, language)
    if not references or start is None:
        return [alone]
    topic = recent[start].text
    words = [*_list_content_words(topic, language), *_list_names_in_answers(recent[start:], language)]
    carried = " ".join(list(dict.fromkeys(words))[:MAX_CARRIED_WORDS])
    text = f"{carried} {question}"
    if references.has_pronoun:
        return [Reading(text, f"{topic} {question}"), alone]
    return [alone, Reading(text, question)]


def is_told(source: Citation, turns: Sequence[ChatTurn]) -> bool:
    """Return whether an earlier answer quoted this memory."""
    return any(turn.role == "assistant" and source.text in turn.text for turn in turns[-MAX_TURNS:])


def _find_topic(turns: Sequence[ChatTurn], language: Language) -> int | None:
    """Return the place of the latest earlier question that refers to no other one; the oldest if all do."""
    places = [place for place, turn in enumerate(turns) if turn.role == "user"]
    independent = (place for place in reversed(places) if not _find_references(turns[place].text, language))
    return next(independent, places[0] if places else None)


def _list_content_words(text: str, language: Language) -> list[str]:
    return [word for word, stems in keywords.split_words(text, language) if stems]


def _list_names_in_answers(turns: Sequence[ChatTurn], language: Language) -> list[str]:
    """Return the names in the first paragraph of each answer, the last answer's first: what its first memory says."""
    answers = [turn.text for turn in reversed(turns) if turn.role == "assistant"]
    firsts = [remove_citations(answer).strip().partition("\n\n")[0] for answer in answers]
    return [
        word
        for text in firsts
        for names in [extract_names(text, language)]
        for word, stems in keywords.split_words(text, language)
        if names.intersection(stems)
    ]


def _find_references(question: str, language: Language) -> _References:
    """Return how the question refers to others: by a pronoun, unless it names somebody itself, or by how it begins."""
    spoken = keywords.guess_language(question, language)
    pronouns, beginnings = _get_words(spoken)
    text = " ".join(question.casefold().split())
    if len(text) > MAX_CHARACTERS:
        return _References(has_pronoun=False, continues=False)
    has_pronoun = bool(pronouns and pronouns.search(text)) and not extract_names(question, language)
    return _References(has_pronoun, bool(beginnings and beginnings.match(text)))


def _get_words(language: Language) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    pronouns, beginnings = read_sections("references.txt").get(language.code, ([], []))
    return _compile_words(tuple(pronouns), ""), _compile_words(tuple(beginnings), r"\W*")


def _compile_words(words: Sequence[str], before: str) -> re.Pattern[str] | None:
    """Return a pattern of these words: whole ones, except in scripts without spaces."""
    if not words:
        return None
    written = "|".join(re.escape(word.replace("_", " ")) for word in sorted(words, key=len, reverse=True))
    is_unspaced = bool(re.search(f"[{keywords.HAN}\u3041-\u30ff]", written))
    return re.compile(f"{before}(?:{written})" if is_unspaced else rf"{before}(?<!\w)(?:{written})(?!\w)")
