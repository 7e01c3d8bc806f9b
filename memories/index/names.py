"""Names in a question: who or what it is about."""

import unicodedata
from itertools import chain

from memories.index.date_words import find_day_words
from memories.index.keywords import extract_words, guess_language, iter_words
from memories.index.languages import Language


def extract_names(text: str, language: Language) -> set[str]:
    """Return the stems of words written as names: capitalized within a sentence, no acronym and not part of a date.

    Empty if all words are capitalized, or all nouns as in German, since capitals do not mark names there.
    """
    language = guess_language(text, language)
    matches = [(match[0], match.start()) for match in iter_words(unicodedata.normalize("NFC", text))]
    if not language.has_names_by_capital or all(word[0].isupper() for word, _ in matches):
        return set()
    capitalized = [word for word, start in matches if start and word[0].isupper() and not word[1:].isupper()]
    stems = set(chain.from_iterable(extract_words(word, language) for word in capitalized))
    return stems - find_day_words(text, language).keys()
