"""The blind keyword index: words of a text and their stored digests.

Encrypted text cannot feed a full-text index. Instead, the database stores a keyed digest of each word's stem, which
can be matched with the digest of a query word but not read. Texts of one user reveal which words they share and how
often; texts of two users reveal nothing, since their keys differ.

Queries and memories are processed alike, so an exact word always matches. Words match whole (stemmed), never as
prefixes. Stop words, irregular verbs and date names are English; other languages only have their stemmer. A change to
the result of `extract_words` requires reindexing everything (KEYWORD_SCHEME in spaces.py).
"""

import hmac
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path

from memories.index import symbols
from memories.index.languages import Language

DATA = Path(__file__).parent / "data"
# Not calendar.month_name, which depends on the process's locale.
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
# Combining marks, which `re` does not count as letters: accents, Hebrew and Arabic points, Indic vowel signs.
MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
INVISIBLE = "\u00ad\u200c\u200d\u2060\ufeff"  # soft hyphen, joiners: ignored inside a word
APOSTROPHES = "'\u2019\u02bc\uff07"
_LETTER = rf"(?:[^\W_{UNSPACED}]|[{MARKS}{INVISIBLE}])"
# In this order: C++, C# and the like; words with inner apostrophes; runs of a script without spaces.
WORD = rf"(?<!\w)[A-Za-z](?:\+\+|\#)(?!\w) | {_LETTER}+(?:[{APOSTROPHES}]{_LETTER}+)* | [{UNSPACED}]+"
TOKEN = rf"{symbols.SYMBOLS} | {WORD}"  # symbols first: a digit is part of a keycap
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_INVISIBLE = re.compile(f"[{INVISIBLE}]+")
_APOSTROPHE = re.compile(f"[{APOSTROPHES}]")
_ENGLISH_ENDINGS = frozenset(("s", "m", "d", "re", "ve", "ll"))  # after an apostrophe

_MAX_CACHED_LENGTH = 24  # characters of a word with cached stems; longer ones rarely repeat
_DAY_PREFIX = "day:"  # words of a text have no colon


@cache
def _get_word_regex() -> re.Pattern[str]:
    """Compile WORD when it is first used: that takes 8 ms."""
    return re.compile(WORD, re.VERBOSE)


@cache
def _get_token_regex() -> re.Pattern[str]:
    return re.compile(rf"(?P<symbol>{symbols.SYMBOLS}) | {WORD}", re.VERBOSE)


def extract_words(text: str, language: Language) -> list[str]:
    """Return the distinct stems of a text in order of first appearance, without stop words.

    Scripts without spaces (Chinese, Japanese, Korean, Thai, ...) yield every pair of adjacent characters instead, and
    every single Chinese character.
    """
    return list(dict.fromkeys(chain.from_iterable(stems for _, stems in split_words(text, language))))


def split_words(text: str, language: Language) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each word or symbol as it is written, with its stems: none for a stop word, several without spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    for match in _get_token_regex().finditer(text):
        word = match[0]
        if match["symbol"]:
            yield word, symbols.split_symbol(word)
            continue
        is_cached = len(word) <= _MAX_CACHED_LENGTH
        yield word, _get_cached_stems(language, word) if is_cached else _stem_word(language, word)


def list_other_stems(
    text: str, words: Sequence[str], language: Language, others: Iterable[Language]
) -> list[tuple[int, str]]:
    """Return the further stems of a text's stems `words` in other languages, each with its place among the words."""
    places = {word: place for place, word in enumerate(words)}
    found = [
        (places[stems[0]], stem)
        for other in others
        for (_, stems), (_, further) in zip(
            split_words(text, language), split_words(text, other), strict=True
        )
        if stems and stems[0] in places
        for stem in set(further).difference(stems)
    ]
    return list(dict.fromkeys(found))


def iter_words(text: str) -> Iterator[re.Match[str]]:
    """Return the words of a text, before stemming, with their places."""
    return _get_word_regex().finditer(text)


def get_date_words(day: date, language: Language) -> list[str]:
    """Return month, year and weekday as `extract_words` would, so that "in May 2023" finds that day's memories."""
    return list(_compute_date_words(day, language))


def get_day_words(day: date, language: Language) -> list[str]:
    """Return the date's words with a prefix, to tell a memory created in May from one that contains "May"."""
    return [_DAY_PREFIX + word for word in get_date_words(day, language)]


def to_day_word(word: str, language: Language) -> str | None:
    """Return the query word in the form of `get_day_words`, None if it is not part of a date."""
    is_year = len(word) == 4 and word.isdecimal()
    return _DAY_PREFIX + word if is_year or word in _get_date_names(language) else None


def extract_names(text: str, language: Language) -> set[str]:
    """Return the stems of words written as names: capitalized within a sentence, no acronym and not part of a date.

    Empty if all words are capitalized, or all nouns as in German, since capitals do not mark names there.
    """
    matches = [
        (match[0], match.start()) for match in _get_word_regex().finditer(unicodedata.normalize("NFC", text))
    ]
    if language.has_capital_nouns or all(word[0].isupper() for word, _ in matches):
        return set()
    capitalized = [word for word, start in matches if start and word[0].isupper() and not word[1:].isupper()]
    return {
        stem
        for word in capitalized
        for stem in extract_words(word, language)
        if to_day_word(stem, language) is None
    }


def remove_words(text: str, left_out: Collection[str], language: Language) -> str:
    """Return the text without the words whose stems are all in `left_out`."""

    def replace(match: re.Match[str]) -> str:
        stems = extract_words(match[0], language)
        return "" if stems and left_out and all(stem in left_out for stem in stems) else match[0]

    return " ".join(_get_word_regex().sub(replace, text).split())


def is_irregular_verb(word: str) -> bool:
    """Return whether a word in lower case is a form of an irregular English verb, other than its base."""
    return word in _load_irregular_verbs()


def normalize_text(text: str) -> str:
    """Return the text for exact phrase matching: its case-folded words, separated by single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(_get_word_regex().findall(text.casefold()))


def hash_words(words: Iterable[str], key: bytes) -> list[int]:
    """Return the stored digest of each word, in order: 8 bytes of HMAC-SHA256 as a signed bigint."""
    return [
        int.from_bytes(hmac.digest(key, word.encode(), "sha256")[:8], "big", signed=True) for word in words
    ]


@lru_cache(maxsize=1_000)
def _compute_date_words(day: date, language: Language) -> tuple[str, ...]:
    return tuple(extract_words(f"{MONTHS[day.month - 1]} {day.year} {WEEKDAYS[day.weekday()]}", language))


@lru_cache(maxsize=50_000)
def _get_cached_stems(language: Language, word: str) -> tuple[str, ...]:
    return _stem_word(language, word)


def _stem_word(language: Language, word: str) -> tuple[str, ...]:
    """Return the stems of one match of WORD: none for a stop word, several for a run without spaces."""
    if _UNSPACED_RUN.fullmatch(word):
        return tuple(_split_pairs(unicodedata.normalize("NFKC", word).casefold()))
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", word)).casefold()
    plain = _APOSTROPHE.sub("'", plain)
    if language.is_english:
        plain = _get_english_base(_strip_accents(plain))
        return (language.stem(plain),) if plain else ()
    # Other stemmers need the accents, which people do not always type.
    return tuple(_strip_accents(language.stem(part)) for part in plain.split("'") if part)


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
    """Return the word without endings such as 's and with irregular verbs in base form; empty for a stop word."""
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
def _get_date_names(language: Language) -> frozenset[str]:
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
