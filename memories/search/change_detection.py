"""Whether a text may replace an older one, and what differs between them.

What changes is told by words of change ("moved", "no longer"), by the same statement with another number, time or
value, or by a negation. Two texts about different subjects never replace each other, nor do two events. The word lists
(change_words.py) are English, except negations; texts of other languages are compared by these and by their numbers.
docs/decisions/0028-supersession.md has the figures.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from memories.index import keywords
from memories.index.languages import Language
from memories.search import change_words
from memories.search.statement import Statement, find_language

SAME_STATEMENT = 0.65  # minimum cosine of texts without words of change
RELATED = 0.5  # minimum cosine of two values of one property, or with words of change if both have a word of the fact
SAME_PERSON = (
    0.63  # minimum cosine with words of change if they have nothing in common but whom they are about
)
SAME_SUBJECT = 0.27  # minimum cosine with words of change right next to a word of the older text
MAX_CHARACTERS = 1_000  # of a text that may replace another, or be replaced
NEVER = 2.0
LONG_CHARACTERS = 250  # a longer text may have words of change about anything
MAX_OTHER_WORDS = 1  # besides the differing ones, if the other text has none


class ChangeKind(StrEnum):
    """What differs: a number, a time, a name, a negation or an opposite, words of change, or another value."""

    NUMBER = "number"
    TIME = "time"
    NAME = "name"
    NEGATION = "negation"
    CHANGE = "change"
    VALUE = "value"


# With these differences two texts do not say the same, however similar their meaning.
CONTRADICTIONS = frozenset((ChangeKind.NUMBER, ChangeKind.TIME, ChangeKind.NAME, ChangeKind.NEGATION))


@dataclass(frozen=True)
class Difference:
    """Words, as they are written, that only one of the texts has."""

    kind: ChangeKind
    older: tuple[str, ...]
    newer: tuple[str, ...]


def describe_update(
    older: str,
    newer: str,
    cosine: float,
    language: Language,
    take_apart: Callable[[str, Language], Statement] = Statement,
) -> list[Difference]:
    """Return what differs if the newer text may replace the older one, the most telling difference first; else none.

    cosine: the similarity of the texts. take_apart: remembers the parts of a text that is compared with several others.
    """
    if max(len(older), len(newer)) > MAX_CHARACTERS:
        return []
    language = find_language(language, older, newer)
    pair = _Pair(take_apart(older, language), take_apart(newer, language))
    if not _is_likely_update(pair, cosine):
        return []
    return pair.differences or [Difference(ChangeKind.VALUE, *pair.other_words)]


def find_contradictions(one: str, other: str, language: Language) -> list[Difference]:
    """Return the differences because of which two texts of nearly the same meaning do not say the same."""
    language = find_language(language, one, other)
    pair = _Pair(Statement(one, language), Statement(other, language))
    return [each for each in pair.differences if each.kind in CONTRADICTIONS]


def _is_likely_update(pair: "_Pair", cosine: float) -> bool:
    if pair.has_other_subject:
        return False
    if pair.changes:
        return cosine >= pair.minimum_of_change
    if pair.is_of_same_property:
        return cosine >= RELATED
    if cosine < SAME_STATEMENT:
        return False
    if pair.has_other_preference:
        return True
    if pair.negation:
        return min(map(len, pair.other_words)) == 0 and max(map(len, pair.other_words)) <= MAX_OTHER_WORDS
    if pair.dates:  # two events, unless the statement is about a time that recurs or is still to come
        is_same = not any(pair.other_words) and not pair.names and not pair.years
        return is_same and all(change_words.PRESENT.search(text.text) for text in (pair.older, pair.newer))
    if pair.names or not pair.numbers:
        return False
    return pair.is_of_related_property and min(map(len, pair.other_words)) <= MAX_OTHER_WORDS


@dataclass(frozen=True)
class _Pair:
    older: Statement
    newer: Statement

    @cached_property
    def differences(self) -> list[Difference]:
        """Everything that differs, the most telling first."""
        found = [self.numbers, self.dates, self.names, self.negation, self.changes]
        return [each for each in found if each is not None]

    @cached_property
    def numbers(self) -> Difference | None:
        if "".join(self.older.numbers) == "".join(self.newer.numbers):  # grouped in another way
            return None
        return _compare(ChangeKind.NUMBER, self.older.numbers, self.newer.numbers)

    @cached_property
    def dates(self) -> Difference | None:
        return _compare(ChangeKind.TIME, self.older.dates, self.newer.dates)

    @cached_property
    def names(self) -> Difference | None:
        older = {stem: word for stem, word in self.older.names.items() if stem not in self.newer.all_stems}
        newer = {stem: word for stem, word in self.newer.names.items() if stem not in self.older.all_stems}
        return _compare(ChangeKind.NAME, older, newer)

    @cached_property
    def negation(self) -> Difference | None:
        """A negation or an opposite, or what is compared the other way round."""
        signs = [(each,) if each else () for each in (self.older.negation, self.newer.negation)]
        if bool(signs[0]) != bool(signs[1]):
            return Difference(ChangeKind.NEGATION, signs[0], signs[1])
        older, newer = self.older.bases, self.newer.bases
        for pair in change_words.OPPOSITES:
            for one in pair & older.keys() - newer.keys():
                for other in (pair - {one}) & newer.keys() - older.keys():
                    return Difference(ChangeKind.NEGATION, (older[one],), (newer[other],))
        words = [list(text.words.items()) for text in (self.older, self.newer)]
        if words[0] != words[1] and sorted(words[0]) == sorted(words[1]) and self.has_comparison:
            turned = [one for one, other in zip(*words, strict=True) if one != other]
            return Difference(ChangeKind.NEGATION, (turned[0][1],), (turned[-1][1],))
        return None

    @cached_property
    def changes(self) -> Difference | None:
        """Words of change that only the newer text has."""
        fresh = [word for key, word in self.newer.changes.items() if key not in self.older.changes]
        return Difference(ChangeKind.CHANGE, (), tuple(fresh)) if fresh else None

    @cached_property
    def years(self) -> bool:
        return self.older.years != self.newer.years

    @cached_property
    def shared(self) -> set[str]:
        """The stems of both texts that tell what they are about, not whom.

        A move is about a home, and a new job about work.
        """
        about: frozenset[str] = frozenset()
        if any(word.startswith(("mov", "relocat")) for word in self.newer.changes):
            about |= change_words.RESIDENCE
        if change_words.NEW_JOB.search(self.newer.text):
            about |= change_words.JOB
        whom = {self.older.person, self.newer.person} | change_words.GENERIC
        return self.older.words.keys() & (self.newer.all_stems | about) - whom

    @cached_property
    def minimum_of_change(self) -> float:
        """The minimum cosine of an update with words of change: the less, the more of the older text they change."""
        if max(len(self.older.text), len(self.newer.text)) > LONG_CHARACTERS or not self.shared:
            is_weak = self.changes and all(map(change_words.WEAK_CHANGE.fullmatch, self.changes.newer))
            return NEVER if is_weak else SAME_PERSON
        has_half = 2 * len(self.shared) >= len(self.older.words)
        by_kind = self.shared - self.newer.all_stems
        is_next_to = bool(by_kind | (self.shared & self.newer.words_next_to_change))
        return SAME_SUBJECT if has_half or is_next_to or self.has_same_subject else RELATED

    @cached_property
    def other_words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The words, besides names and opposites, that only one of the texts has."""
        opposites = (*self.negation.older, *self.negation.newer) if self.negation else ()
        return (
            _list_others(self.older, self.newer, opposites),
            _list_others(self.newer, self.older, opposites),
        )

    @cached_property
    def has_comparison(self) -> bool:
        return all(change_words.COMPARISON.search(text.text) for text in (self.older, self.newer))

    @cached_property
    def has_other_preference(self) -> bool:
        """Whether both prefer, and only what they prefer differs."""
        prefer = all(change_words.PREFERENCE.search(text.text) for text in (self.older, self.newer))
        return prefer and max(map(len, self.other_words)) == 1

    @cached_property
    def has_same_subject(self) -> bool:
        return bool(self.older.subject) and self.older.subject == self.newer.subject

    @staticmethod
    def _is_of_other_person(older: Statement, newer: Statement) -> bool:
        """Whether somebody whom one text begins with is not in the other; the older may be about something."""
        if older.person and older.person not in newer.all_stems:
            return True
        return bool(newer.person and newer.person not in older.all_stems and older.is_in_first_person)

    @cached_property
    def has_other_subject(self) -> bool:
        """Whether the texts begin with noun phrases that have nothing in common, or differ in what they name."""
        if self._is_of_other_person(self.older, self.newer):
            return True
        older, newer = self.older.subject, self.newer.subject
        if not older or not newer or older == newer:
            return False
        only_older = [stem for stem in older if stem not in self.newer.all_stems]
        only_newer = [stem for stem in newer if stem not in self.older.all_stems]
        if not only_older or not only_newer:
            return False
        is_disjoint = only_older == older and only_newer == newer
        are_named = any(_is_capital(self.older, stem) for stem in only_older) and any(
            _is_capital(self.newer, stem) for stem in only_newer
        )
        return is_disjoint or are_named or older[-1] == newer[-1]

    @cached_property
    def is_of_same_property(self) -> bool:
        """Whether both texts give one property a value, as in "My favourite colour is"."""
        if not self.has_same_subject:
            return False
        parts = self.older.property_parts, self.newer.property_parts
        if any(len(each) < 2 for each in parts):
            return False
        if keywords.normalize_text(parts[0][0]) != keywords.normalize_text(parts[1][0]):
            return False
        values = [re.findall(r"\w+", value) for _, value in parts]
        return len(self.older.subject) > 1 or all(len(each) == 1 and each[0][0].isupper() for each in values)

    @cached_property
    def is_of_related_property(self) -> bool:
        """Whether one text names no more than the other before "is", or at all."""
        parts = self.older.property_parts, self.newer.property_parts
        if any(len(each) < 2 for each in parts):
            return min(map(len, self.other_words)) == 0
        older, newer = (Statement(before, self.older.language).words.keys() for before, *_ in parts)
        return older <= newer or newer <= older


def _compare(kind: ChangeKind, older: dict[str, str], newer: dict[str, str]) -> Difference | None:
    """Return what only one of them has, if both have something."""
    only_older = tuple(word for key, word in older.items() if key not in newer)
    only_newer = tuple(word for key, word in newer.items() if key not in older)
    return Difference(kind, only_older, only_newer) if only_older and only_newer else None


def _list_others(text: Statement, other: Statement, left_out: Collection[str]) -> tuple[str, ...]:
    return tuple(
        word
        for stem, word in text.words.items()
        if stem not in other.all_stems and stem not in text.names and word not in left_out
    )


def _is_capital(text: Statement, stem: str) -> bool:
    return text.words[stem][:1].isupper()
