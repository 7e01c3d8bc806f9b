"""The workload of every system: the same memories and questions, with vectors looked up instead of computed.

Also imported in the peers' environment, so it depends only on numpy.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSIONS = 384
FOLDER = "peers"  # below PICARD_HOME
FILE = "work.json"
VECTORS = "vectors.npy"


@dataclass(frozen=True)
class Question:
    """A question with two texts for one vector: `name` is in no memory, `words` are from the memory it is based on."""

    owner: str
    name: str
    words: str


@dataclass(frozen=True)
class Workload:
    """Memories and questions.

    owners: each owner's range in `texts`. batches: the same memories in batches of one owner, in shuffled order, as if
    all owners wrote at the same time. spare: index of the first unused text.
    """

    texts: list[str]
    owners: dict[str, tuple[int, int]]
    batches: list[tuple[str, int, int]]
    spare: int
    questions: list[Question]
    vectors: "NDArray[np.float32]"  # of texts, then of questions

    @classmethod
    def read(cls, folder: Path) -> "Workload":
        import numpy as np

        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        stored["questions"] = [Question(*one) for one in stored["questions"]]
        stored["batches"] = [tuple(one) for one in stored["batches"]]
        stored["owners"] = {name: tuple(position) for name, position in stored["owners"].items()}
        return cls(**stored, vectors=np.asarray(np.load(folder / VECTORS, mmap_mode="r")))

    def write(self, folder: Path) -> None:
        import numpy as np

        np.save(folder / VECTORS, self.vectors)
        questions = [(one.owner, one.name, one.words) for one in self.questions]
        stored = {name: getattr(self, name) for name in ("texts", "owners", "batches", "spare")}
        (folder / FILE).write_text(json.dumps({**stored, "questions": questions}), encoding="utf-8")

    def texts_by_batch(self) -> Iterator[tuple[str, list[str]]]:
        for owner, first, last in self.batches:
            yield owner, self.texts[first:last]

    def texts_by_owner(self) -> Iterator[tuple[str, list[str]]]:
        for owner, (first, last) in self.owners.items():
            yield owner, self.texts[first:last]

    def find_nearest(self, question: Question, count: int) -> list[str]:
        """Return the owner's texts with the highest cosine similarity, by an exact scan."""
        first, last = self.owners[question.owner]
        cosines = self.vectors[first:last] @ self.vectors[len(self.texts) + self.questions.index(question)]
        return [self.texts[first + index] for index in (-cosines).argsort()[:count].tolist()]


class VectorLookup:
    """Look up the vector of a text or question.

    For an unknown text it repeats the last result: Picard's search also embeds the question without frequent words.
    """

    def __init__(self, work: Workload) -> None:
        self._vectors = work.vectors
        self._positions = {text: position for position, text in enumerate(work.texts)}
        for position, question in enumerate(work.questions, len(work.texts)):
            self._positions[question.name] = self._positions[question.words] = position
        self._last = 0

    def embed_query(self, text: str) -> list[float]:
        self._last = self._positions.get(text, self._last)
        vector: list[float] = self._vectors[self._last].tolist()
        return vector

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vectors[self._positions[text]].tolist() for text in texts]


class Provider(VectorLookup):
    """The look-up as an embedding provider for Picard's processes."""

    identity = "benchmark-peers"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        from django.conf import settings

        super().__init__(Workload.read(Path(settings.PICARD_HOME) / FOLDER))
