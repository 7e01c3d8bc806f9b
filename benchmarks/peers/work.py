"""What every system is given: the same memories and questions, each with its vector, by a look-up in place of a model.

Read by programs of the peers' environment too, so it needs nothing but numpy.
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
    """One vector under two texts: `name` is in no memory, `words` are some of the memory's that it is near to."""

    owner: str
    name: str
    words: str


@dataclass(frozen=True)
class Workload:
    """`owners`: where each one's memories begin and end in `texts`. `batches`: the same memories, each batch of one
    owner, in an order as if all had written at the same time. `spare`: where the texts that nobody has yet begin."""

    texts: list[str]
    owners: dict[str, tuple[int, int]]
    batches: list[tuple[str, int, int]]
    spare: int
    questions: list[Question]
    vectors: "NDArray[np.float32]"  # of the texts, then of the questions

    @classmethod
    def read(cls, folder: Path) -> "Workload":
        import numpy as np

        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        stored["questions"] = [Question(*one) for one in stored["questions"]]
        stored["batches"] = [tuple(one) for one in stored["batches"]]
        stored["owners"] = {name: tuple(place) for name, place in stored["owners"].items()}
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
        """The texts of the owner's memories with the highest cosines, by an exact scan."""
        first, last = self.owners[question.owner]
        cosines = self.vectors[first:last] @ self.vectors[len(self.texts) + self.questions.index(question)]
        return [self.texts[first + at] for at in (-cosines).argsort()[:count].tolist()]


class VectorLookup:
    """The vector of each text and question. Asked for another text it gives the last answer again: what
    Picard's search asks besides is the same question without its frequent words."""

    def __init__(self, work: Workload) -> None:
        self._vectors = work.vectors
        self._places = {text: place for place, text in enumerate(work.texts)}
        for place, question in enumerate(work.questions, len(work.texts)):
            self._places[question.name] = self._places[question.words] = place
        self._last = 0

    def embed_query(self, text: str) -> list[float]:
        self._last = self._places.get(text, self._last)
        vector: list[float] = self._vectors[self._last].tolist()
        return vector

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vectors[self._places[text]].tolist() for text in texts]


class Provider(VectorLookup):
    """The same, as Picard's settings name it, in Picard's own processes."""

    identity = "benchmark-peers"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        from django.conf import settings

        super().__init__(Workload.read(Path(settings.PICARD_HOME) / FOLDER))
