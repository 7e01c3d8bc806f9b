"""Questions with a typing error: one wrong letter in one word, the same in every run."""

import random
import re
import string
from collections.abc import Iterable
from dataclasses import replace

from benchmarks.quality.natural import EvaluationSet

SEEDS = range(3)
MIN_LETTERS = 5  # of a word that gets the error, unless all are shorter

_WORD = re.compile(r"[A-Za-z]+")


def misspell_set(each: EvaluationSet, seeds: Iterable[int] = SEEDS) -> EvaluationSet:
    """Return the set with each question once per seed, with different errors."""
    questions = [
        replace(question, text=misspell_text(question.text, seed))
        for seed in seeds
        for question in each.questions
    ]
    return replace(each, name=f"{each.name} typos", questions=questions)


def misspell_text(text: str, seed: int) -> str:
    """Return the text with a letter left out, added, replaced or swapped with the next in one of its words."""
    chance = random.Random(f"{seed}:{text}")  # noqa: S311 - no secret # nosec B311
    words = list(_WORD.finditer(text))
    long = [word for word in words if len(word[0]) >= MIN_LETTERS] or words
    if not long:
        return text
    place = chance.choice(long)
    word = place[0]
    wrong = word
    while wrong.lower() == word.lower() or not wrong:
        wrong = _misspell_word(word, chance)
    return text[: place.start()] + wrong + text[place.end() :]


def _misspell_word(word: str, chance: random.Random) -> str:
    at, letter = chance.randrange(len(word)), chance.choice(string.ascii_lowercase)
    return chance.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
        )
    )
