"""The words of a text that a query matches, as they are written: what a person sees, not the tokens of the index."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain

from memories.index import keywords
from memories.index.joined_words import find_joined_words
from memories.index.languages import Language

MAX_WORDS = 5  # to explain one result

_UNSPACED_RUN = re.compile(f"[{keywords.UNSPACED}]+")


def find_matched_words(
    query: str, text: str, *, matched: Sequence[str], tags: Iterable[str], language: Language
) -> list[str]:
    """Return the words of the text that match, in the order of the query, without repetitions; at most MAX_WORDS.

    matched: the stems of the query that the memory contains (`Hit.matched`). Of a script without spaces, the longest
    runs of characters of the query that the text contains. A word that only a tag contains is given as the tag. If the
    text is unreadable, the words are the query's. language: the owner's.
    """
    wanted = _map_query_words(query, matched, language)
    shown: dict[str, str] = {}  # by folded form: "Tea" and "tea" are one word
    for word, stems in wanted.items():
        for found in _find_word(word, stems, text, language) or _find_in_tags(stems, tags, language):
            shown.setdefault(_fold(found), found)
    return list(shown.values() or wanted)[:MAX_WORDS]


def _map_query_words(query: str, matched: Sequence[str], language: Language) -> dict[str, set[str]]:
    """Return by word of the query those of its stems that matched."""
    words: dict[str, set[str]] = {}
    joined_words = find_joined_words(query, language)
    for match in keywords.iter_words(query, with_symbols=True):
        word = match[0]
        stems = _stem(word, language.parts or (language,))
        if found := stems.intersection(matched):
            joined = {each.stem for each in joined_words if not stems.isdisjoint(each.parts)}
            words[word] = found if _UNSPACED_RUN.fullmatch(word) else stems | joined
    known = set(chain.from_iterable(words.values()))
    return words | {stem: {stem} for stem in matched if stem not in known}


def _find_word(word: str, stems: set[str], text: str, language: Language) -> list[str]:
    """Return how the text writes a word of the query; empty if it does not contain it."""
    if _UNSPACED_RUN.fullmatch(word):
        return _find_runs(_fold(word), stems, _fold(text))
    languages = [keywords.guess_language(text, language)]  # as the text is indexed
    found = [
        match[0]
        for match in keywords.iter_words(text, with_symbols=True)
        if not stems.isdisjoint(_stem(match[0], languages))
    ]
    same = [each for each in found if _fold(each) == _fold(word)]
    return (same or found)[:1] or _find_joined(stems, text, language)


def _find_runs(word: str, stems: set[str], text: str) -> list[str]:
    """Return the longest parts of a run without spaces that the text contains and that the index matched."""
    runs: list[str] = []
    start = 0
    while start < len(word):
        end = start
        while end < len(word) and word[start : end + 1] in text:
            end += 1
        run = word[start:end]
        if any(stem in run for stem in stems) and not any(run in longer for longer in runs):
            runs.append(run)
        start += 1
    longest = max(map(len, runs), default=0)
    return [run for run in runs if len(run) * 2 > longest]  # a shared syllable does not explain a match


def _find_joined(stems: set[str], text: str, language: Language) -> list[str]:
    """Return the number or code that the text writes in parts, such as "LH 454" for LH454."""
    for joined in find_joined_words(text, language):
        if joined.stem in stems and joined.parts:
            pattern = r"\W{0,2}".join(rf"{re.escape(part)}\w*?" for part in joined.parts) + r"(?!\w)"
            if match := re.search(pattern, text, re.IGNORECASE):
                return [match[0]]
    return []


def _find_in_tags(stems: set[str], tags: Iterable[str], language: Language) -> list[str]:
    return [tag for tag in tags if not stems.isdisjoint(keywords.extract_words(tag, language))][:1]


def _stem(word: str, languages: Iterable[Language]) -> set[str]:
    return set(chain.from_iterable(keywords.extract_words(word, language) for language in languages))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
