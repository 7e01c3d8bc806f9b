"""Names in a question: who or what it is about."""

import re
import unicodedata
from itertools import chain, pairwise

from memories.index.date_words import find_day_words
from memories.index.keywords import APOSTROPHES, extract_words, guess_language, iter_words
from memories.index.languages import Language

_APOSTROPHE = re.compile(f"[{APOSTROPHES}]")
# Between two words: the second begins a sentence. Not a full stop, which also follows "Dr".
SENTENCE_MARKS = frozenset("!?\u00bf\u00a1")


def extract_names(text: str, language: Language) -> set[str]:
    """Return the stems of words written as names: capitalized within a sentence, no acronym and not part of a date.

    Empty if all words are capitalized, or all nouns as in German, since capitals do not mark names there.
    """
    language = guess_language(text, language)
    text = unicodedata.normalize("NFC", text)
    matches = list(iter_words(text))
    words = [_remove_elision(match[0], language) for match in matches]
    if not language.has_names_by_capital or all(word[0].isupper() for word in words):
        return set()
    gaps = [text[before.end() : match.start()] for before, match in pairwise(matches)]
    within = [word for word, gap in zip(words[1:], gaps, strict=True) if SENTENCE_MARKS.isdisjoint(gap)]
    capitalized = [word for word in within if word[0].isupper() and not word[1:].isupper()]
    stems = set(chain.from_iterable(extract_words(word, language) for word in capitalized))
    return stems - find_day_words(text, language).keys()


def _remove_elision(word: str, language: Language) -> str:
    """Return the word without an article or preposition before it: "Anna" of the French "d'Anna"."""
    first, *rest = _APOSTROPHE.split(word, maxsplit=1)
    is_elided = not language.is_english and rest and rest[0] and first.casefold() in language.stop_words
    return rest[0] if is_elided else word
