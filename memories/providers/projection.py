"""Shorter vectors for models that cannot return them: a fixed random projection onto fewer dimensions.

Johnson and Lindenstrauss (1984): projected cosines differ from the original ones by a standard error of at most about
1 / sqrt(dimensions), and less for similar texts. docs/decisions/0040-embedding-servers.md has measurements.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from core.gaussians import generate_gaussians

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def project_vectors(vectors: Sequence[Sequence[float]], dimensions: int) -> list[list[float]]:
    """Project vectors of one length, in order. The projection depends on both lengths only, so it never changes."""
    import numpy as np

    if not vectors:
        return []
    array = np.asarray(vectors, np.float64)
    projected: list[list[float]] = (array @ _build_projection(array.shape[1], dimensions)).tolist()
    return projected


@lru_cache(maxsize=1)
def _build_projection(source: int, target: int) -> "NDArray[np.float64]":
    """Return a (source, target) matrix with orthonormal columns, uniform over all of them."""
    import numpy as np

    key = hashlib.sha256(b"picard projection %d %d" % (source, target)).digest()
    q, r = np.linalg.qr(generate_gaussians(key, source * target).reshape(source, target))
    return q * np.sign(np.diag(r))
