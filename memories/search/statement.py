"""The parts of a short text that tell what it says: of whom, and with which numbers, dates, names and negations."""

import re
from dataclasses import dataclass
from functools import cached_property

from core import languages
from memories.index import keywords
from memories.index.languages import Language, get_language
from memories.index.names import extract_names
from memories.search import change_words

MIN_STOP_WORDS = 0.3  # share of the words of an English text
SUBJECT_WORDS = 6  # at most
WORDS_BEFORE_CHANGE, WORDS_AFTER_CHANGE = 2, 4
QUANTITIES = change_words.NUMBER_WORDS | change_words.TIME_WORDS
NO_SUBJECT = change_words.PRONOUNS | change_words.AUXILIARIES


@dataclass(frozen=True)
class Statement:
    """A text taken apart: its words as written, by stem, and what kind they are."""

    text: str
    language: Language

    @cached_property
    def words(self) -> dict[str, str]:
        """The words by stem that are no numbers, dates or words of change."""
        plain = change_words.CHANGE.sub(" ", self.text) if self.language.is_english else self.text
        return {
            stem: written
            for written, stems in keywords.split_words(plain, self.language)
            for stem in stems
            if stem[0].isalpha() and not (written.casefold() in QUANTITIES or _is_date(written))
        }

    @cached_property
    def all_stems(self) -> set[str]:
        return set(keywords.extract_words(self.text, self.language))

    @cached_property
    def numbers(self) -> dict[str, str]:
        """The numbers that are no part of a date, by value."""
        plain = change_words.DATE.sub(" ", self.text)
        found = {re.sub(r"[.,'\u2019]", "", match): match for match in change_words.NUMBER.findall(plain)}
        words = (match[0] for match in keywords.iter_words(plain)) if self.language.is_english else ()
        return found | {
            word.casefold(): word for word in words if word.casefold() in change_words.NUMBER_WORDS
        }

    @cached_property
    def dates(self) -> dict[str, str]:
        found = [match[0] for match in change_words.DATE.finditer(self.text)]
        return {_normalize_date(each): each for each in found}

    @cached_property
    def years(self) -> set[str]:
        return {
            match for match in change_words.NUMBER.findall(self.text) if change_words.YEAR.fullmatch(match)
        }

    @cached_property
    def names(self) -> dict[str, str]:
        found = extract_names(self.text, self.language) - change_words.NO_NAMES
        return {stem: self.words[stem] for stem in found if stem in self.words}

    @cached_property
    def changes(self) -> dict[str, str]:
        """The words of change."""
        if not self.language.is_english:
            return {}
        found = change_words.CHANGE.findall(change_words.NAME_WITH_NEW.sub(" ", self.text))
        return {" ".join(each.casefold().split()): each for each in found}

    @cached_property
    def words_next_to_change(self) -> set[str]:
        """The stems of the few words before and after a word of change."""
        found: set[str] = set()
        for match in change_words.CHANGE.finditer(self.text):
            if change_words.WEAK_CHANGE.fullmatch(match[0]):
                continue
            before = self.text[: match.start()].split()[-WORDS_BEFORE_CHANGE:]
            after = self.text[match.end() :].split()[:WORDS_AFTER_CHANGE]
            found.update(keywords.extract_words(" ".join((*before, match[0], *after)), self.language))
        return found

    @cached_property
    def negation(self) -> str | None:
        found = change_words.get_negation(self.language.code).search(self.text)
        return found[0] if found else None

    @cached_property
    def bases(self) -> dict[str, str]:
        """The words in lower case, also without an ending."""
        found: dict[str, str] = {}
        for match in keywords.iter_words(self.text) if self.language.is_english else ():
            word = match[0].casefold()
            for base in (word, word.removesuffix("s"), word.removesuffix("d"), word.removesuffix("ed")):
                found.setdefault(base, match[0])
        return found

    @cached_property
    def person(self) -> str | None:
        """The stem of the name that the text begins with, which a verb or a possessive follows."""
        first, following = [*(match[0] for match in keywords.iter_words(self.text)), "", ""][:2]
        has_verb = (
            following in change_words.BEFORE_VERB
            or following.endswith(("n't", "n\u2019t"))
            or _is_verb(following, is_first=False)
        )
        if not self.language.is_english or not first[:1].isupper() or _is_verb(first, is_first=True):
            return None
        stems = keywords.extract_words(first, self.language)
        return stems[0] if stems and (has_verb or change_words.POSSESSIVE.search(first)) else None

    @cached_property
    def property_parts(self) -> list[str]:
        """What stands before "is" and behind it; one part without it."""
        return change_words.COPULA.split(self.text, maxsplit=1)

    @cached_property
    def is_in_first_person(self) -> bool:
        return bool(change_words.FIRST_PERSON.search(self.text))

    @cached_property
    def subject(self) -> list[str]:
        """The stems of the noun phrase that the text begins with; none if it begins with a pronoun or a verb."""
        words = [match[0] for match in keywords.iter_words(self.property_parts[0])]
        found: list[str] = []
        for word in words[:SUBJECT_WORDS]:
            lower = change_words.POSSESSIVE.sub("", word.casefold())
            if lower in change_words.DETERMINERS and not found:
                continue
            stems = keywords.extract_words(word, self.language)
            if not stems or lower in NO_SUBJECT or _is_verb(word, is_first=not found):
                break
            found += stems
        return [stem for stem in found if not stem.isdecimal() and stem in self.words]


def find_language(language: Language, *texts: str) -> Language:
    """Return the language in which texts are compared: if their owner writes several, English if it is all theirs."""
    english = get_language(languages.ENGLISH)
    is_mixed = language.code == languages.SEVERAL
    return english if is_mixed and all(_has_english_words(text, english) for text in texts) else language


def _has_english_words(text: str, english: Language) -> bool:
    has_stems = [bool(stems) for _, stems in keywords.split_words(text, english)]
    return has_stems.count(False) >= MIN_STOP_WORDS * len(has_stems)


def _normalize_date(text: str) -> str:
    """Return what "3rd May", "May 3" and "3. May", or "10:00" and "10.00", have in common."""
    parts = re.findall(r"\d+(?:[.:]\d+)?|[^\W\d]+", re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text.casefold()))
    named = (part[:3] if part in change_words.DATE_NAMES else part.replace(".", ":") for part in parts)
    return " ".join(sorted(named))


def _is_date(word: str) -> bool:
    lower = word.casefold()
    return lower in change_words.DATE_NAMES or lower.removesuffix("s") in change_words.DATE_NAMES


def _is_verb(word: str, *, is_first: bool) -> bool:
    """Return whether a word is an English verb: within a text, capitals are names; at its start, "-s" is a noun."""
    if is_first:
        return word[:1].isupper() and (word.endswith("ed") or keywords.is_irregular_verb(word.casefold()))
    return word.islower() and (word.endswith(("s", "ed")) or keywords.is_irregular_verb(word))
