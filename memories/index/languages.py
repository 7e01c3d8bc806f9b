"""The language of a user's memories: how their words are reduced to stems, and which of them say nothing.

A search is always within one owner's memories, so that the owner's language decides, whoever searches. For owners who
write in several, the language of each text is guessed by its function words; a query is matched by its stems in all.
"""

import re
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model

from core import languages

if TYPE_CHECKING:
    from accounts.models import User

DATA = Path(__file__).parent / "data"
UNKNOWN = (
    ""  # the code of a text in several languages whose own cannot be guessed: without stemmer and stop words
)
MIN_FUNCTION_WORDS = 2  # of a language, to guess that a text is in it
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670]+")
_TURKISH_CAPITALS = {ord("I"): "\u0131", ord("\u0130"): "i"}

_local = threading.local()


@dataclass(frozen=True, eq=False)
class Language:
    """A language, one object per code. stemmer: the name of its Snowball stemmer, None if it has none.

    parts: of the choice "several", all languages that a text may be in.
    """

    code: str
    stemmer: str | None
    parts: tuple["Language", ...] = ()

    @property
    def is_english(self) -> bool:
        return self.code == languages.ENGLISH

    @property
    def has_names_by_capital(self) -> bool:
        """Whether a capital letter within a sentence marks a name: not in German, which has capitals for all nouns."""
        return self.code not in ("de", UNKNOWN)

    @cached_property
    def stop_words(self) -> frozenset[str]:
        """Function words in lower case, with and without accents."""
        if self.is_english:
            return frozenset(word for line in read_lines("stopwords-english.txt") for word in line)
        words = {word for line in read_sections("stopwords.txt").get(self.code, ()) for word in line}
        return frozenset(words | {strip_accents(word) for word in words})

    def fold_case(self, word: str) -> str:
        """Return the word in lower case; in Turkish, I and i are different letters."""
        return word.translate(_TURKISH_CAPITALS).casefold() if self.code == "tr" else word.casefold()

    def stem(self, word: str) -> str:
        """Return the stem of a word in lower case."""
        return word if self.stemmer is None else _get_stemmer(self.stemmer).stemWord(word)

    def guess_for(self, words: Iterable[str]) -> "Language":
        """Return the language of a text with these words in lower case: of several, that of most function words.

        A word that several languages have counts for each by its share. Fewer than two tell nothing: one may be an
        ordinary word of another language.
        """
        if not self.parts:
            return self
        points: dict[str, list[float]] = defaultdict(list)
        for word in set(words):
            codes = _load_codes_by_word().get(word, ())
            for code in codes:
                points[code].append(1 / len(codes))
        likely = [part for part in self.parts if len(points[part.code]) >= MIN_FUNCTION_WORDS]
        return max(likely, key=lambda part: sum(points[part.code]), default=self.parts[0])


@cache
def get_language(code: str) -> Language:
    """Return the language with a code of core/languages.py."""
    parts: tuple[Language, ...] = ()
    if code == languages.SEVERAL:
        parts = tuple(get_language(part) for part in (UNKNOWN, languages.ENGLISH, *languages.NAMES))
        parts = tuple(dict.fromkeys(parts))
    return Language(code, languages.STEMMERS.get(code), parts)


def get_default_language() -> Language:
    """Return the language of SEARCH_LANGUAGE."""
    return get_language(languages.get_default_code())


def get_owner_language(owner: "User") -> Language:
    """Return the language of this user's memories."""
    return get_language(owner.language_code)


def get_former_languages(owner: "User") -> list[Language]:
    """Return the languages by which some of this user's memories are still indexed; usually none."""
    return [get_language(code) for code in owner.former_languages.split()]


def read_owner_languages(owner_ids: Collection[UUID]) -> dict[UUID, Language]:
    """Return the language of each owner's memories, as stored now."""
    stored = get_user_model().objects.filter(pk__in=owner_ids).values_list("pk", "language")
    default = languages.get_default_code()
    return {owner_id: get_language(code or default) for owner_id, code in stored}


def strip_accents(word: str) -> str:
    """Return the word without accents and Hebrew and Arabic points; other marks, such as Indic vowel signs, stay."""
    if word.isascii():
        return word
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", word)).replace(
        "\u0131", "i"
    )  # the Turkish dotless i
    return unicodedata.normalize("NFC", plain)


def read_lines(name: str) -> list[list[str]]:
    """Return the words of each line of a data file, without comments."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


@cache
def read_sections(name: str) -> dict[str, list[list[str]]]:
    """Return the words of each line by section, whose first line is its name in brackets."""
    sections: dict[str, list[list[str]]] = {}
    for line in read_lines(name):
        if line[0].startswith("["):
            lines = sections.setdefault(line[0].strip("[]"), [])
        else:
            lines.append(line)
    return sections


@cache
def _load_codes_by_word() -> dict[str, list[str]]:
    """Return by function word the codes of the languages that have it."""
    codes: dict[str, list[str]] = defaultdict(list)
    for part in get_language(languages.SEVERAL).parts:
        for word in part.stop_words:
            codes[word].append(part.code)
    return dict(codes)


def _get_stemmer(name: str) -> Any:
    """Return this thread's Snowball stemmer, since it is not thread-safe."""
    stemmers: dict[str, Any] = _local.__dict__
    if name not in stemmers:
        import Stemmer

        stemmers[name] = Stemmer.Stemmer(name)
    return stemmers[name]
