"""Typing errors of the evaluation: one wrong letter, the same in every run."""

import pytest

from benchmarks.quality.natural import read_sets
from benchmarks.quality.typing_errors import SEEDS, misspell_set, misspell_text


@pytest.mark.parametrize("text", ["where are my keys", "Is it on?", "wi-fi password", "x"])
def test_one_word_differs_by_one_letter(text: str) -> None:
    wrong = {misspell_text(text, seed) for seed in range(50)}
    assert text not in wrong
    assert len(wrong) > 10
    for each in wrong:
        assert abs(len(each) - len(text)) <= 1
        assert sum(one != other for one, other in zip(each.split(), text.split(), strict=False)) <= 1


def test_errors_are_the_same_in_every_run() -> None:
    assert misspell_text("where are my keys", 0) == misspell_text("where are my keys", 0)
    assert misspell_text("12 + 7", 0) == "12 + 7"


def test_every_question_is_asked_once_per_seed() -> None:
    [natural, *_] = read_sets()
    wrong = misspell_set(natural)
    assert len(wrong.questions) == len(SEEDS) * len(natural.questions)
    assert wrong.memories == natural.memories
