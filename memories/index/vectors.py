"""Vectors at rest: rotated by a secret matrix per user, stored as pgvector's halfvec.

An off-the-shelf inverter can reconstruct a text from its embedding. Rotation by a secret orthogonal matrix preserves
every cosine and defeats stock inverters. It is not encryption: who knows enough texts of a user can solve for the
matrix (docs/security.md has the results).
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from pgvector import HalfVector

from core.gaussians import generate_gaussians

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CACHED_MATRICES = 64  # 0.6 MB each with 384 dimensions, 4 MB with 1,024
MAX_CACHED_BYTES = 100_000_000
KNOWN_KEY = bytes(range(32))
KNOWN_DIMENSIONS = 8
# First and last row of the matrix of KNOWN_KEY. Must never change: stored vectors depend on it.
KNOWN_ROWS = (
    (0.2058278, -0.4296455, 0.1168256, -0.1941919, 0.5576528, -0.4012110, -0.4481562, -0.2211109),
    (-0.3374667, -0.2368002, -0.5033280, -0.2915605, -0.1488058, 0.4576842, -0.3403800, -0.3797614),
)
TOLERANCE = 1e-5

_matrices: "OrderedDict[bytes, NDArray[np.float32]]" = OrderedDict()
_matrices_lock = threading.Lock()


class StoredVector(HalfVector):
    """A vector that is formatted quickly for the database.

    pgvector writes each component with full precision, most of which PostgreSQL discards: a halfvec has eleven bits.
    Six digits give the same bits in a quarter of the time.
    """

    def __init__(self, vector: Sequence[float]) -> None:
        self._vector = tuple(vector)

    def to_text(self) -> str:
        return f"[{_build_format(len(self._vector)) % self._vector}]"


def rotate_vectors(vectors: Sequence[Sequence[float]], key: bytes) -> list[list[float]]:
    """Rotate the vectors, in order, by the matrix of the 32-byte key; preserves lengths and cosines (to 1e-6)."""
    import numpy as np

    if not vectors:
        return []
    array = np.asarray(vectors, np.float32)
    rotated: list[list[float]] = (array @ _get_matrix(key, array.shape[1])).tolist()
    return rotated


def unrotate_vectors(vectors: Sequence[Sequence[float]], key: bytes) -> list[list[float]]:
    """Invert `rotate_vectors` by the transpose of the orthogonal matrix."""
    import numpy as np

    if not vectors:
        return []
    array = np.asarray(vectors, np.float32)
    rotated: list[list[float]] = (array @ _get_matrix(key, array.shape[1]).T).tolist()
    return rotated


@lru_cache(maxsize=8)
def _build_format(count: int) -> str:
    return ",".join(["%.6g"] * count)


def build_rotation_matrix(key: bytes, dimensions: int) -> "NDArray[np.float32]":
    """Return an orthogonal (dimensions, dimensions) matrix, the same for this key on every machine (to 1e-5).

    Uniform over all rotations and reflections: QR of a Gaussian matrix, unique once R's diagonal is positive. Takes
    about 0.1 s for 384 dimensions; `rotate_vectors` caches the most recent ones.
    """
    import numpy as np

    q, r = np.linalg.qr(generate_gaussians(key, dimensions * dimensions).reshape(dimensions, dimensions))
    return (q * np.sign(np.diag(r))).astype(np.float32)


def format_halfvec(vector: Sequence[float]) -> str:
    """Return pgvector's text form with five significant digits, ten times finer than float16."""
    return "[" + ("%.5g," * len(vector) % tuple(vector))[:-1] + "]"


def is_known_answer_valid() -> bool:
    """Return whether this machine derives the same matrix as the one that stored the vectors."""
    import numpy as np

    matrix = build_rotation_matrix(KNOWN_KEY, KNOWN_DIMENSIONS)
    return bool(np.allclose(matrix[[0, -1]], KNOWN_ROWS, rtol=0, atol=TOLERANCE))


def check_known_answer() -> None:
    """Raise RuntimeError if rotations derived on this machine would not match the stored vectors."""
    if not is_known_answer_valid():
        raise RuntimeError(
            "Vector rotations on this machine differ from the known answer in memories/index/vectors.py: "
            "private memories would not be found, and new ones would be stored incorrectly. "
            "Check the installed numpy and cryptography."
        )


@lru_cache(maxsize=1)
def _check_known_answer_once() -> None:
    check_known_answer()


def clear_matrices() -> None:
    """Clear this process's matrix cache, for example after a user's key was destroyed."""
    with _matrices_lock:
        _matrices.clear()


def _get_matrix(key: bytes, dimensions: int) -> "NDArray[np.float32]":
    """Return the key's matrix, cached by a digest so that the cache contains no key."""
    name = hashlib.sha256(b"picard rotation matrix %d " % dimensions + key).digest()
    _check_known_answer_once()
    with _matrices_lock:
        if name in _matrices:
            _matrices.move_to_end(name)
            return _matrices[name]
    matrix = build_rotation_matrix(key, dimensions)  # outside the lock, so that other threads do not wait
    with _matrices_lock:
        _matrices[name] = matrix
        while len(_matrices) > min(MAX_CACHED_MATRICES, MAX_CACHED_BYTES // matrix.nbytes):
            _matrices.popitem(last=False)
    return matrix
