"""Memories and questions of the comparison of servers, the same for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.texts import make_texts

SEED = 20_261
READER = "reader"  # the user whose memories are searched
ADDER = "adder"  # the user to whom the measured additions go
QUESTION_STEP = 3  # every third word of a memory is a question, starting at each of the first three


@dataclass(frozen=True)
class Question:
    """Words of a memory of READER. `target`: the text of the memory."""

    text: str
    target: str


@dataclass(frozen=True)
class Work:
    """memories: pairs of user and text, in shuffled order. spare: texts that are in no memory yet."""

    memories: Sequence[tuple[str, str]]
    questions: Sequence[Question]
    spare: Sequence[str]

    @property
    def owners(self) -> list[str]:
        return [*dict.fromkeys(owner for owner, _ in self.memories), ADDER]


def create_work(*, searched: int, others: int, per_other: int, questions: int, spare: int) -> Work:
    """Create memories: `searched` of READER, and `per_other` of each other user."""
    import numpy as np

    random = np.random.default_rng(SEED)
    stored = searched + others * per_other
    texts = list(dict.fromkeys(make_texts(2 * (stored + spare), random)))[: stored + spare]
    owned = [(READER, text) for text in texts[:searched]]
    owned += [(f"other-{at % others}", text) for at, text in enumerate(texts[searched:stored])]
    asked = [
        Question(" ".join(text.rstrip(".").split()[first::QUESTION_STEP]), text)
        for first in range(QUESTION_STEP)
        for text in texts[:searched]
    ]
    return Work([owned[at] for at in random.permutation(stored).tolist()], asked[:questions], texts[stored:])
