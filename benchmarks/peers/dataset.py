"""The memories and questions of one run, made anew from a seed: the same on every machine."""

from itertools import accumulate
from typing import TYPE_CHECKING

from benchmarks.peers.work import DIMENSIONS, Question, Workload
from benchmarks.texts import make_texts
from memories.index import keywords

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 20_250
LARGEST_OWNER = "owner-0"
MEDIUM_OWNERS = 30  # owners with a fiftieth of all
SMALL_SIZE = 100  # memories of each other owner
BATCH_SIZE = 20
SMALL_OWNERS_TIMED = 20  # owners with few memories whose questions are timed
QUESTIONS = 100  # to the big one, and to the small ones together
WORDS_A_QUESTION = 3

# The vectors: topics, and what is said of them, along as many directions as matter, and a little haze along all others.
# Chosen to be like the local model's of real sentences, for an approximate index finds little among vectors without
# such a shape. Of 1,427 sentences of people who talk: intrinsic dimension 16 by TwoNN (Facco et al., 2017), 19 by
# maximum likelihood over 20 neighbours, median cosine of the nearest .68, of the tenth .56. Of as many made here: 15,
# 14, .68, .54.
DIRECTIONS = 24
TOPICS = 200
HAZE = 0.1
COMMON = 0.3
OFF_TOPIC = 0.7  # how far a question lies from the memory it is near to


def create_workload(size: int, spare: int) -> Workload:
    """`size` memories: a tenth are one owner's, six tenths of some, the rest of many who have SMALL_SIZE each. `spare`
    texts more that nobody has yet."""
    import numpy as np

    random = np.random.default_rng(SEED)
    owners = _build_owners(size)
    count = max(last for _, last in owners.values())
    vectors = _build_vectors(count + spare + 2 * QUESTIONS, random)
    known = list(dict.fromkeys(make_texts(count + spare + 1_000, random)))[
        : count + spare
    ]  # two may be the same
    questions, asked = _build_questions(owners, known, random)
    near = vectors[asked] + OFF_TOPIC * vectors[-len(asked) :]
    vectors[-len(asked) :] = near / np.linalg.norm(near, axis=1, keepdims=True)
    return Workload(known, owners, _build_batches(owners, random), count, questions, vectors)


def _build_owners(size: int) -> dict[str, tuple[int, int]]:
    """The big one first, those with SMALL_SIZE last."""
    big, middle = size // 10, size // 50
    many = (size - big - MEDIUM_OWNERS * middle) // SMALL_SIZE
    sizes = [big, *[middle] * MEDIUM_OWNERS, *[SMALL_SIZE] * many]
    return {
        f"owner-{n}": (last - size, last)
        for n, (size, last) in enumerate(zip(sizes, accumulate(sizes), strict=True))
    }


def _build_vectors(count: int, random: "np.random.Generator") -> "NDArray[np.float32]":
    import numpy as np

    basis = random.standard_normal((DIRECTIONS, DIMENSIONS))
    said = random.standard_normal((TOPICS, DIRECTIONS))[random.integers(TOPICS, size=count)]
    said += random.standard_normal((count, DIRECTIONS))
    haze = random.standard_normal((count, DIMENSIONS), np.float32)
    common = random.standard_normal(DIMENSIONS)
    found = said @ basis + DIRECTIONS**0.5 * (HAZE * haze + COMMON * common)
    unit: NDArray[np.float32] = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _build_questions(
    owners: dict[str, tuple[int, int]], known: list[str], random: "np.random.Generator"
) -> tuple[list[Question], list[int]]:
    """QUESTIONS to the big owner, then as many to small ones in turns; and the memory that each is near to."""
    small = list(owners)[1 + MEDIUM_OWNERS :][:SMALL_OWNERS_TIMED]
    questions, asked = [], []
    for number in range(2 * QUESTIONS):
        owner = LARGEST_OWNER if number < QUESTIONS else small[number % len(small)]
        at = int(random.integers(*owners[owner]))
        sought = [
            word for word in known[at].rstrip(".").split() if keywords.extract_words(word)
        ]  # no stop words
        words = random.choice(sought, WORDS_A_QUESTION, replace=False).tolist()
        questions.append(Question(owner, f"zzq{number}", " ".join(words)))
        asked.append(at)
    return questions, asked


def _build_batches(
    owners: dict[str, tuple[int, int]], random: "np.random.Generator"
) -> list[tuple[str, int, int]]:
    batches = [
        (owner, at, min(at + BATCH_SIZE, last))
        for owner, (first, last) in owners.items()
        for at in range(first, last, BATCH_SIZE)
    ]
    return [batches[at] for at in random.permutation(len(batches)).tolist()]
