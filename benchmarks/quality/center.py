"""Compute what the multilingual model's vectors are centered by: `python -m benchmarks.quality.center FILE`.

sets/center.json has pairs of a text and a question about it in 28 languages, each pair in all of them. The rows of the
result: the mean vectors of questions and of texts, averaged over languages and moved toward each other, and
the twelve directions in which the means of the languages differ most, half as long as unit vectors, so that
subtracting what lies in them leaves three quarters of it (decision 0030 has the choice).
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from memories.providers.e5_model import PASSAGE, QUERY, E5Model
from memories.providers.local_models import embed_pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXTS = Path(__file__).parent / "sets" / "center.json"
DIRECTIONS = 12
LENGTH = 0.5  # of a direction; its square is the share that is removed
SHIFT = 0.375  # of each mean to the other


def compute_center() -> "NDArray[np.float32]":
    """Return the rows. Shape: (2 + DIRECTIONS, 384)."""
    import numpy as np

    pairs_by_language: dict[str, list[tuple[str, str]]] = json.loads(TEXTS.read_text("utf-8"))
    model = E5Model()
    texts, questions = (
        np.array(
            [
                _embed(model, [pair[at] for pair in pairs], prefix).mean(axis=0)
                for pairs in pairs_by_language.values()
            ]
        )
        for at, prefix in enumerate((PASSAGE, QUERY))
    )
    of_texts, of_questions = texts.mean(axis=0), questions.mean(axis=0)
    differences = np.concatenate([texts - of_texts, questions - of_questions])
    directions = np.linalg.svd(differences, full_matrices=False)[2][:DIRECTIONS]
    shift = SHIFT * (of_questions - of_texts)
    return np.concatenate([[of_questions - shift, of_texts + shift], LENGTH * directions]).astype(np.float32)


def _embed(model: E5Model, texts: list[str], prefix: str) -> "NDArray[np.float32]":
    import numpy as np

    pieces = [model.tokenize(prefix, text) for text in texts]
    return np.array(embed_pieces(pieces, lambda batch: model.embed_batch(batch, prefix)), np.float32)


if __name__ == "__main__":
    import numpy as np

    np.save(Path(sys.argv[1]), compute_center())
