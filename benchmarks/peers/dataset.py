"""Memories and questions generated from a seed, so that they are the same on every machine."""

from itertools import accumulate
from typing import TYPE_CHECKING

from benchmarks.peers.work import DIMENSIONS, Question, Workload
from benchmarks.texts import make_texts
from memories.index import keywords
from memories.index.languages import get_language

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 20_250
LARGEST_OWNER = "owner-0"
MEDIUM_OWNERS = 30  # owners with 1/50 of all memories each
SMALL_SIZE = 100  # memories of each other owner
BATCH_SIZE = 20
SMALL_OWNERS_TIMED = 20  # owners with few memories whose searches are timed
QUESTIONS = 100  # for the largest owner, and as many for the small ones together
WORDS_PER_QUESTION = 3

# Vectors: topics and variations of them along a few directions, plus a little noise along all dimensions. They resemble
# the local model's vectors of real sentences, because approximate indexes have low recall on vectors without such
# structure. 1,427 sentences of conversations: intrinsic dimension 16 by TwoNN (Facco et al., 2017), 19 by maximum
# likelihood over 20 neighbours, median cosine of the nearest .68, of the tenth .56. As many generated here: 15, 14,
# .68, .54.
DIRECTIONS = 24
TOPICS = 200
NOISE = 0.1
COMMON = 0.3
OFF_TOPIC = 0.7  # distance of a question from the memory it is based on


def create_workload(size: int, spare: int) -> Workload:
    """Create `size` memories and `spare` unused texts.

    One owner has a tenth of the memories, MEDIUM_OWNERS six tenths, many owners with SMALL_SIZE each the rest.
    """
    import numpy as np

    random = np.random.default_rng(SEED)
    owners = _build_owners(size)
    count = max(last for _, last in owners.values())
    vectors = _build_vectors(count + spare + 2 * QUESTIONS, random)
    distinct = list(dict.fromkeys(make_texts(count + spare + 1_000, random)))
    texts = distinct[: count + spare]
    questions, targets = _build_questions(owners, texts, random)
    question_vectors = vectors[targets] + OFF_TOPIC * vectors[-len(targets) :]
    vectors[-len(targets) :] = question_vectors / np.linalg.norm(question_vectors, axis=1, keepdims=True)
    return Workload(texts, owners, _build_batches(owners, random), count, questions, vectors)


def _build_owners(size: int) -> dict[str, tuple[int, int]]:
    """Return each owner's range of memories: the largest owner first, those with SMALL_SIZE last."""
    largest, medium = size // 10, size // 50
    many = (size - largest - MEDIUM_OWNERS * medium) // SMALL_SIZE
    sizes = [largest, *[medium] * MEDIUM_OWNERS, *[SMALL_SIZE] * many]
    return {
        f"owner-{n}": (last - size, last)
        for n, (size, last) in enumerate(zip(sizes, accumulate(sizes), strict=True))
    }


def _build_vectors(count: int, random: "np.random.Generator") -> "NDArray[np.float32]":
    import numpy as np

    basis = random.standard_normal((DIRECTIONS, DIMENSIONS))
    content = random.standard_normal((TOPICS, DIRECTIONS))[random.integers(TOPICS, size=count)]
    content += random.standard_normal((count, DIRECTIONS))
    noise = random.standard_normal((count, DIMENSIONS), np.float32)
    common = random.standard_normal(DIMENSIONS)
    points = content @ basis + DIRECTIONS**0.5 * (NOISE * noise + COMMON * common)
    unit: NDArray[np.float32] = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _build_questions(
    owners: dict[str, tuple[int, int]], texts: list[str], random: "np.random.Generator"
) -> tuple[list[Question], list[int]]:
    """Build QUESTIONS for the largest owner and as many for small ones; return them and the memory each is based on."""
    small = list(owners)[1 + MEDIUM_OWNERS :][:SMALL_OWNERS_TIMED]
    questions, targets = [], []
    language = get_language("en")
    for number in range(2 * QUESTIONS):
        owner = LARGEST_OWNER if number < QUESTIONS else small[number % len(small)]
        index = int(random.integers(*owners[owner]))
        written = texts[index].rstrip(".").split()
        content_words = [word for word in written if keywords.extract_words(word, language)]
        words = random.choice(content_words, WORDS_PER_QUESTION, replace=False).tolist()
        questions.append(Question(owner, f"zzq{number}", " ".join(words)))
        targets.append(index)
    return questions, targets


def _build_batches(
    owners: dict[str, tuple[int, int]], random: "np.random.Generator"
) -> list[tuple[str, int, int]]:
    batches = [
        (owner, index, min(index + BATCH_SIZE, last))
        for owner, (first, last) in owners.items()
        for index in range(first, last, BATCH_SIZE)
    ]
    return [batches[index] for index in random.permutation(len(batches)).tolist()]
