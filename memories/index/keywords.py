"""The blind word index: a text's words, and what the database keeps of them.

Sealed text cannot feed a full-text index. Kept instead is a keyed digest of each word's stem: it can be
matched with the digest of a question's word, and read by nobody. Two texts of one person show which
words they share and how often; texts of two persons show nothing, since their keys differ.

Question and memory take the same way, so an exact word always matches. Words match whole (stemmed), never
as prefixes. Stop words, irregular verbs and date names are English; other languages have their stemmer alone.
Whoever changes what `words` gives must have everything indexed anew (WORDS_SCHEME in indexing.py).
"""

import hmac
import re
import threading
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings

DATA = Path(__file__).parent / "data"
ENGLISH, GERMAN = "english", "german"
# Not calendar.month_name: that follows the locale of the process.
MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
# Thai, Lao, Burmese, Khmer, kana, bopomofo and (for its particles) Hangul: no spaces between words.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31f0-\u31ff\uac00-\ud7a3\uff66-\uff9f" + HAN
)
# Combining marks are no letters to `re`: accents, Hebrew and Arabic points, the vowel signs of Indic scripts.
MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
INVISIBLE = "\u00ad\u200c\u200d\u2060\ufeff"  # soft hyphen, joiners: inside a word, no part of it
APOSTROPHES = "'\u2019\u02bc\uff07"
_LETTER = rf"(?:[^\W_{UNSPACED}]|[{MARKS}{INVISIBLE}])"
# In this order: C++, C# and their like; words, apostrophes inside; runs of a script without spaces.
WORD = re.compile(
    rf"(?<!\w)[A-Za-z](?:\+\+|\#)(?!\w) | {_LETTER}+(?:[{APOSTROPHES}]{_LETTER}+)* | [{UNSPACED}]+",
    re.VERBOSE,
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_INVISIBLE = re.compile(f"[{INVISIBLE}]+")
_APOSTROPHE = re.compile(f"[{APOSTROPHES}]")
_ENGLISH_ENDINGS = frozenset(("s", "m", "d", "re", "ve", "ll"))  # behind an apostrophe

_MAX_CACHED_LENGTH = (
    24  # characters of a word whose stems are kept in this process; longer ones hardly come twice
)
_DAY_PREFIX = "day:"  # no word of a text has a colon

_local = threading.local()


def extract_words(text: str) -> list[str]:
    """The distinct stems of a text in the order they first appear, stop words left out.

    Chinese, Japanese, Korean, Thai and their like, written without spaces, give every pair of
    neighbouring characters instead, and every Chinese character alone.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    language: str = settings.SEARCH_LANGUAGE
    stems = (
        _get_cached_stems(language, word) if len(word) <= _MAX_CACHED_LENGTH else _stem_word(language, word)
        for word in WORD.findall(text)
    )
    return list(dict.fromkeys(chain.from_iterable(stems)))


def get_date_words(day: date) -> list[str]:
    """Month, year and weekday as `words` would give them, so that "in May 2023" finds that day's memories."""
    return list(_compute_date_words(day, settings.SEARCH_LANGUAGE))


def get_day_words(day: date) -> list[str]:
    """The date's words, marked: that a memory was made in May is another thing than that it says "May"."""
    return [_DAY_PREFIX + word for word in get_date_words(day)]


def to_day_word(word: str) -> str | None:
    """What `get_day_words` makes of this word of a question, None when no date has it."""
    is_year = len(word) == 4 and word.isdecimal()
    return _DAY_PREFIX + word if is_year or word in _get_date_names(settings.SEARCH_LANGUAGE) else None


def extract_names(text: str) -> set[str]:
    """The stems of the words written as names: capitalised within a sentence, and no part of a date.

    None where every word is capitalised, or every noun, as German does: capitals tell of no name there.
    """
    written = [(match[0], match.start()) for match in WORD.finditer(unicodedata.normalize("NFC", text))]
    if settings.SEARCH_LANGUAGE == GERMAN or all(word[0].isupper() for word, _ in written):
        return set()
    capitalised = [word for word, start in written if start and word[0].isupper()]
    return {stem for word in capitalised for stem in extract_words(word) if to_day_word(stem) is None}


def remove_words(text: str, left_out: Collection[str]) -> str:
    """The text without the words whose stems are all among these."""

    def kept(match: re.Match[str]) -> str:
        stems = extract_words(match[0])
        return "" if stems and left_out and all(stem in left_out for stem in stems) else match[0]

    return " ".join(WORD.sub(kept, text).split())


def normalize_text(text: str) -> str:
    """The text as an exact phrase is looked for in it: its words as they stand, one space between, case folded."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(WORD.findall(text.casefold()))


def hash_words(words: Iterable[str], key: bytes) -> list[int]:
    """What the database keeps of each word, in order: 8 bytes of HMAC-SHA256 as a signed bigint."""
    return [
        int.from_bytes(hmac.digest(key, word.encode(), "sha256")[:8], "big", signed=True) for word in words
    ]


@lru_cache(maxsize=1_000)
def _compute_date_words(day: date, _language: str) -> tuple[str, ...]:
    return tuple(extract_words(f"{MONTHS[day.month - 1]} {day.year} {WEEKDAYS[day.weekday()]}"))


@lru_cache(maxsize=50_000)
def _get_cached_stems(language: str, word: str) -> tuple[str, ...]:
    return _stem_word(language, word)


def _stem_word(language: str, word: str) -> tuple[str, ...]:
    """The stems of one match of WORD: none for a stop word, several for a run without spaces."""
    if _UNSPACED_RUN.fullmatch(word):
        return tuple(_split_pairs(unicodedata.normalize("NFKC", word).casefold()))
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", word)).casefold()
    plain = _APOSTROPHE.sub("'", plain)
    if language == ENGLISH:
        plain = _get_english_base(_strip_accents(plain))
        return (_get_stemmer(language).stemWord(plain),) if plain else ()
    # Other stemmers need the accents; what people type does not always have them.
    return tuple(_strip_accents(_get_stemmer(language).stemWord(part)) for part in plain.split("'") if part)


def _split_pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
        return
    for at, character in enumerate(run):
        if _HAN_CHARACTER.match(character):
            yield character
        if at + 1 < len(run):
            yield run[at : at + 2]


def _get_english_base(word: str) -> str:
    """The word without 's and its like, an irregular verb in its base form; empty for a stop word."""
    if word in _load_stop_words() or word.endswith("n't"):
        return ""
    word = _strip_endings(word)
    if word in _load_stop_words():
        return ""
    return _load_irregular_verbs().get(word, word).replace("'", "")


def _strip_endings(word: str) -> str:
    base, *endings = word.split("'")
    while endings and endings[-1] in _ENGLISH_ENDINGS:
        endings.pop()
    return "'".join((base, *endings))


def _strip_accents(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))


@lru_cache(maxsize=8)
def _get_date_names(language: str) -> frozenset[str]:
    return frozenset(chain.from_iterable(_stem_word(language, name) for name in (*MONTHS, *WEEKDAYS)))


@lru_cache(maxsize=1)
def _load_stop_words() -> frozenset[str]:
    return frozenset(chain.from_iterable(_read_data_lines("stopwords-english.txt")))


@lru_cache(maxsize=1)
def _load_irregular_verbs() -> dict[str, str]:
    return {form: base for base, *forms in _read_data_lines("irregular-verbs-english.txt") for form in forms}


def _read_data_lines(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def _get_stemmer(language: str) -> Any:
    """The Snowball stemmer, one per thread: it is not safe for two. KeyError: no such language."""
    stemmers: dict[str, Any] = _local.__dict__
    if language not in stemmers:
        import Stemmer

        stemmers[language] = Stemmer.Stemmer(language)
    return stemmers[language]
