"""The blind keyword index: words of a text and their stored digests.

Encrypted text cannot feed a full-text index. Instead, the database stores a keyed digest of each word's stem, which
can be matched with the digest of a query word but not read. Texts of one user reveal which words they share and how
often; texts of two users reveal nothing, since their keys differ.

Queries and memories are processed alike, so an exact word always matches. Words match whole (stemmed), never as
prefixes. Each language has its stemmer and its stop words, English its irregular verbs too. A change to the result of
`extract_words` requires reindexing everything (KEYWORD_SCHEME in spaces.py).
"""

import hmac
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain

from memories.index import symbols
from memories.index.languages import Language, read_lines, strip_accents

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
_INVISIBLE = re.compile(f"[{INVISIBLE}]+")
_APOSTROPHE = re.compile(f"[{APOSTROPHES}]")
_ENGLISH_ENDINGS = frozenset(("s", "m", "d", "re", "ve", "ll"))  # after an apostrophe

_MAX_CACHED_LENGTH = 24  # characters of a word with cached stems; longer ones rarely repeat


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
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    spoken = guess_language(text, language)
    found: dict[str, None] = {}
    for match in _get_token_regex().finditer(text):  # as split_words does, in a third of its time
        word = match[0]
        if match.lastindex:  # a symbol
            found |= dict.fromkeys(symbols.split_symbol(word))
        elif len(word) <= _MAX_CACHED_LENGTH:
            for stem in _get_cached_stems(spoken, word):
                found[stem] = None
        else:
            found |= dict.fromkeys(_stem_word(spoken, word))
    return list(found)


def split_words(text: str, language: Language) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each word or symbol as it is written, with its stems: none for a stop word, several without spaces."""
    for word, (stems,) in stem_words(text, [guess_language(text, language)]):
        yield word, stems


def stem_words(text: str, languages: Sequence[Language]) -> Iterator[tuple[str, Sequence[tuple[str, ...]]]]:
    """Yield each word or symbol as it is written, with its stems in each language, none of which is "several"."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    for match in _get_token_regex().finditer(text):
        word = match[0]
        if match["symbol"]:
            yield word, [symbols.split_symbol(word)] * len(languages)
        else:
            get_stems = _get_cached_stems if len(word) <= _MAX_CACHED_LENGTH else _stem_word
            yield word, [get_stems(language, word) for language in languages]


def guess_language(text: str, language: Language) -> Language:
    """Return the language of a text: of several, the one with most function words in it."""
    return (
        language.guess_for(map(str.casefold, _get_word_regex().findall(text))) if language.parts else language
    )


def list_other_stems(
    text: str, words: Sequence[str], language: Language, others: Iterable[Language]
) -> list[tuple[int, str]]:
    """Return the further stems of a text's stems `words`, each with its place among the words.

    They are those in the other languages, and in every one that a text in several may be in.
    """
    parts = chain.from_iterable(other.parts or (other,) for other in (language, *others))
    places = {word: place for place, word in enumerate(words)}
    found = [
        (places[stems[0]], stem)
        for _, (stems, *further) in stem_words(text, [guess_language(text, language), *parts])
        if stems and stems[0] in places
        for stem in set(chain.from_iterable(further)).difference(stems)
    ]
    return list(dict.fromkeys(found))


def iter_words(text: str, *, with_symbols: bool = False) -> Iterator[re.Match[str]]:
    """Return the words of a text, before stemming, with their places."""
    return (_get_token_regex() if with_symbols else _get_word_regex()).finditer(text)


def find_symbols(text: str) -> set[str]:
    """Return the emoji and symbols of a text as they are written."""
    if text.isascii():
        return set()
    return {match[0] for match in _get_token_regex().finditer(text) if match["symbol"]}


def remove_words(text: str, left_out: Collection[str], language: Language) -> str:
    """Return the text without the words whose stems are all in `left_out`."""
    language = guess_language(text, language)

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
    digest, read = hmac.digest, int.from_bytes
    return [read(digest(key, word.encode(), "sha256")[:8], "big", signed=True) for word in words]


@lru_cache(maxsize=50_000)
def _get_cached_stems(language: Language, word: str) -> tuple[str, ...]:
    return _stem_word(language, word)


def _stem_word(language: Language, word: str) -> tuple[str, ...]:
    """Return the stems of one match of WORD: none for a stop word, several for a run without spaces."""
    if _UNSPACED_RUN.fullmatch(word):
        return tuple(_split_pairs(unicodedata.normalize("NFKC", word).casefold()))
    plain = language.fold_case(_INVISIBLE.sub("", unicodedata.normalize("NFKC", word)))
    plain = _APOSTROPHE.sub("'", plain)
    if language.is_english:
        plain = _get_english_base(strip_accents(plain), language.stop_words)
        return (language.stem(plain),) if plain else ()
    # Other stemmers need the accents, which people do not always type.
    parts = [part for part in plain.split("'") if part and part not in language.stop_words]
    return tuple(strip_accents(language.stem(part)) for part in parts)


def _split_pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
        return
    for at, character in enumerate(run):
        if _HAN_CHARACTER.match(character):
            yield character
        if at + 1 < len(run):
            yield run[at : at + 2]


def _get_english_base(word: str, stop_words: Collection[str]) -> str:
    """Return the word without endings such as 's and with irregular verbs in base form; empty for a stop word."""
    if word in stop_words or word.endswith("n't"):
        return ""
    word = _strip_endings(word)
    if word in stop_words:
        return ""
    return _load_irregular_verbs().get(word, word).replace("'", "")


def _strip_endings(word: str) -> str:
    base, *endings = word.split("'")
    while endings and endings[-1] in _ENGLISH_ENDINGS:
        endings.pop()
    return "'".join((base, *endings))


@lru_cache(maxsize=1)
def _load_irregular_verbs() -> dict[str, str]:
    return {form: base for base, *forms in read_lines("irregular-verbs-english.txt") for form in forms}
