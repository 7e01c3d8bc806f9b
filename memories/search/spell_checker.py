"""Typing errors in a query: a word that no memory has is replaced by one that differs in one letter.

Nothing is stored for it: the words one edit away are known from a dictionary, and from the digests of the memories
that the actor may see. A word of the dictionary or of a memory is no error, a name is replaced only by what memories
have, and what may be a new name only by that or by a common word. Other languages have no dictionary: there, an
improbable word is replaced by a probable one that memories have, as the vocabulary of the multilingual model tells.
docs/decisions/0032-forgiving-search.md has the figures.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

from memories.index import keywords
from memories.index.languages import DATA, Language, strip_accents
from memories.index.specificity import WordCosts, load_vocabulary
from memories.search.visible_words import VisibleWords

DICTIONARY = DATA / "words-english.txt"
RECENT = DATA / "words-recent.txt"  # brands, tools, food and sports that the dictionary has not
MAX_ERRORS = 2  # a query with more unknown words is rather in another language
MIN_LETTERS = 4
MAX_LETTERS = 24  # a longer word has thousands of candidates
FEW_LETTERS = (
    4  # so short a word is only replaced by one with the same letters or one more, unless a memory has it
)
MIN_LETTERS_ELSEWHERE = 5  # in languages without a dictionary
# Negative logarithms of probabilities: below the first, a word exists; a correction is so much more probable.
KNOWN_COST = 20.0
COST_MARGIN = 7.0
LINE_OF_NAME = 20_000  # of a word that memories have and the dictionary has not
ABSENT_FACTOR = 3  # a word that no memory has must be so much more common
OTHER_LETTER_FACTOR = 10  # for each omitted or swapped letter, there are many wrong ones
# A word of letters that follow each other in English is perhaps a new brand or dish. If it is that short, only a word
# before this line replaces it unless a memory has the replacement.
COMMON_LINE = 8_000
SHORT_WORD = 7
RARE_TRIPLE = 3  # of the dictionary's words with the same three letters in a row: with fewer, it is an error
SHORT_NAME = 7  # letters of a name of which another letter makes another name: Möller and Müller
ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "αβγδεζηθικλμνξοπρστυφχψω")
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»')


@dataclass(frozen=True)
class _Error:
    """A word of a query that is perhaps misspelled: its place, it in lower case, and whether it looks like a name."""

    start: int
    end: int
    word: str
    is_name: bool


def correct_query(
    text: str, language: Language, visible: VisibleWords, compute_costs: WordCosts = lambda _: None
) -> str:
    """Return the query with misspelled words replaced, and without symbols that no memory has.

    Words in quotation marks stay as they are. compute_costs: returns how infrequent words are in languages other than
    English, None if that is unknown.
    """
    text = _remove_absent_symbols(text, language, visible)
    unknown = list(_find_unknown_words(text, language))
    if not language.is_english:
        rarities = _measure_words([error.word for error in unknown], compute_costs)
        unknown = [error for error, cost in zip(unknown, rarities, strict=True) if cost > KNOWN_COST]
    stems = {error: keywords.extract_words(error.word, language) for error in unknown}
    present = visible.find_present([stem for found in stems.values() for stem in found]) if unknown else set()
    errors = [error for error in unknown if stems[error] and present.isdisjoint(stems[error])]
    if not 1 <= len(errors) <= MAX_ERRORS:
        return text
    candidates = {error: _build_candidates(error.word, language) for error in errors}
    present = visible.find_present(
        list({stem for found in candidates.values() for stems in found.values() for stem in stems})
    )
    choose = (
        _choose_candidate if language.is_english else partial(_choose_probable, compute_costs=compute_costs)
    )
    for error in reversed(errors):
        if replacement := choose(error, candidates[error], present):
            text = text[: error.start] + replacement + text[error.end :]
    return text


def _remove_absent_symbols(text: str, language: Language, visible: VisibleWords) -> str:
    """Return the text without the emoji that only decorate a question; a query of symbols only stays."""
    stems = {symbol: keywords.extract_words(symbol, language) for symbol in keywords.find_symbols(text)}
    if not stems or not keywords.normalize_text(text):
        return text
    present = visible.find_present([stem for found in stems.values() for stem in found])
    for symbol, found in stems.items():
        if present.isdisjoint(found):
            text = text.replace(symbol, " ")
    return " ".join(text.split())


def _find_unknown_words(text: str, language: Language) -> Iterator[_Error]:
    """Yield the words that are in no dictionary. A word after a digit or with capitals inside is no word to correct."""
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    known = _load_dictionary() if language.is_english else {}
    shortest = MIN_LETTERS if language.is_english else MIN_LETTERS_ELSEWHERE
    for match in keywords.iter_words(text):
        written = re.split(f"[{keywords.APOSTROPHES}]", match[0])[0]
        word = written.lower()
        if word in known or strip_accents(word) in known or len(word) < shortest or written[1:] != word[1:]:
            continue
        if len(word) > MAX_LETTERS or _get_alphabet(word) is None:
            continue
        if any(start <= match.start() < end for start, end in quoted):
            continue
        # Where nouns are capitalized too, any of them may be a surname.
        is_name = written != word and (match.start() > 0 or not language.has_names_by_capital)
        yield _Error(match.start(), match.start() + len(word), word, is_name)


def _measure_words(words: Sequence[str], compute_costs: WordCosts) -> list[float]:
    """Return how infrequent each word is, whether it is capitalized or not; 0 if that is unknown."""
    costs = compute_costs([form for word in words for form in (word, word.capitalize())]) if words else None
    return (
        [0.0] * len(words)
        if costs is None
        else [min(pair) for pair in zip(costs[::2], costs[1::2], strict=True)]
    )


def _build_candidates(word: str, language: Language) -> dict[str, list[str]]:
    """Return each string that is one edit away, with its stems."""
    return {
        each: keywords.extract_words(each, language)
        for each in _edit_word(word)
        if len(each) >= MIN_LETTERS - 1
    }


def _choose_probable(
    error: _Error, candidates: Mapping[str, list[str]], present: set[str], *, compute_costs: WordCosts
) -> str | None:
    """Return the most frequent candidate that memories have, if it is much more frequent than the word."""
    words = [
        candidate
        for candidate, stems in candidates.items()
        if not present.isdisjoint(stems)
        and not (error.is_name and len(error.word) <= SHORT_NAME and _has_other_letter(error.word, candidate))
    ]
    costs = _measure_words([error.word, *words], compute_costs)
    cost, best = min(zip(costs, [error.word, *words], strict=True))
    return best if cost <= costs[0] - COST_MARGIN else None


def _choose_candidate(error: _Error, candidates: Mapping[str, list[str]], present: set[str]) -> str | None:
    """Return the most likely English candidate: a common word, mistyped in a common way, that memories have."""
    lines = _load_dictionary()
    costs = [
        (_compute_cost(error, candidate, stems, present, lines), candidate)
        for candidate, stems in candidates.items()
    ]
    cost, best = min(costs)
    return None if math.isinf(cost) else best


def _compute_cost(
    error: _Error, candidate: str, stems: list[str], present: set[str], lines: Mapping[str, float]
) -> float:
    """Return how unlikely the candidate is meant; infinite for one that must not replace the word."""
    line = lines.get(candidate, math.inf)
    has_other_letter = _has_other_letter(error.word, candidate)
    is_short = len(error.word) <= FEW_LETTERS
    is_present = not present.isdisjoint(stems) or (candidate in lines and not stems)  # or a stop word
    is_known_or_short = candidate in lines or len(error.word) <= SHORT_NAME
    if error.is_name and has_other_letter and is_known_or_short:  # another name
        return math.inf
    if math.isinf(line):
        # No inflection of a word in the dictionary: that would be there too.
        is_rare = is_present and not is_short and stems[0] not in lines
        line = LINE_OF_NAME if is_rare else math.inf
    elif not is_present and (
        error.is_name or (is_short and has_other_letter) or not _may_mean_absent(error.word, candidate, line)
    ):
        return math.inf
    return line * (OTHER_LETTER_FACTOR if has_other_letter else 1) * (1 if is_present else ABSENT_FACTOR)


def _has_other_letter(word: str, candidate: str) -> bool:
    """Return whether a letter is wrong or too many, instead of left out or swapped."""
    return bool(Counter(word) - Counter(candidate))


def _may_mean_absent(word: str, candidate: str, line: float) -> bool:
    """Return whether a candidate that no memory has may replace the word: "matcha" is a name, not "match"."""
    counts = _count_triples()
    if min(counts[triple] for triple in _list_triples(word)) < RARE_TRIPLE:
        return True
    if word[:-1] == candidate and word[-1] != word[-2]:  # an ending
        return False
    if line < COMMON_LINE:
        return True
    if not _has_other_letter(word, candidate):
        return len(word) >= SHORT_WORD
    return len(word) > SHORT_WORD and candidate[0] == word[0]


def _list_triples(word: str) -> list[str]:
    framed = f" {word} "
    return [framed[at : at + 3] for at in range(len(framed) - 2)]


def _edit_word(word: str) -> set[str]:
    """Return the strings with one letter left out, added, replaced, or swapped with the next."""
    letters = _get_alphabet(word) or ""
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    edited = {head + tail[1:] for head, tail in halves if tail}
    edited |= {head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1}
    edited |= {head + letter + tail[1:] for head, tail in halves if tail for letter in letters}
    edited |= {head + letter + tail for head, tail in halves for letter in letters}
    return edited - {word}


def _get_alphabet(word: str) -> str | None:
    """Return the letters of the script that the whole word is written in; stems have no accents."""
    plain = [unicodedata.normalize("NFD", letter)[0] for letter in word]
    return next((letters for letters in ALPHABETS if all(letter in letters for letter in plain)), None)


@lru_cache(maxsize=1)
def _load_dictionary() -> dict[str, float]:
    """Return English words with their line in order of frequency; names, which are no candidates, on none."""
    lines: dict[str, float] = dict(load_vocabulary())
    for word in DICTIONARY.read_text(encoding="utf-8").split():
        lines.setdefault(word.lower(), math.inf if word[0].isupper() else len(lines))
    for word in RECENT.read_text(encoding="utf-8").split():
        lines.setdefault(word, math.inf)
    return lines


@lru_cache(maxsize=1)
def _count_triples() -> Counter[str]:
    """Return how many words of the dictionary have three letters in a row."""
    long = (word for word in _load_dictionary() if len(word) >= MIN_LETTERS)
    return Counter(chain.from_iterable(map(_list_triples, long)))
