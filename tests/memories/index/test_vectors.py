"""The keyed rotation of vectors: what it preserves and what it hides."""

import math

import numpy as np
import pytest

from core import gaussians
from memories.index import vectors

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.fixture(scope="module")
def unit_vectors() -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    rows = np.random.default_rng(1).standard_normal((50, 384)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)  # type: ignore[no-any-return]


def test_matrix_is_orthogonal() -> None:
    matrix = vectors.build_rotation_matrix(KEY, 384)
    assert matrix.dtype == np.float32
    assert np.abs(matrix @ matrix.T - np.eye(384)).max() < 1e-6


def test_rotation_preserves_cosines(
    unit_vectors: "np.ndarray[tuple[int, int], np.dtype[np.float32]]",
) -> None:
    rotated = np.array(vectors.rotate_vectors(unit_vectors.tolist(), KEY))
    assert np.abs(rotated @ rotated.T - unit_vectors @ unit_vectors.T).max() < 1e-6


def test_rotation_can_be_inverted(unit_vectors: "np.ndarray[tuple[int, int], np.dtype[np.float32]]") -> None:
    back = np.array(vectors.unrotate_vectors(vectors.rotate_vectors(unit_vectors.tolist(), KEY), KEY))
    assert np.abs(back - unit_vectors).max() < 1e-6


def test_same_key_gives_same_matrix() -> None:
    assert np.array_equal(vectors.build_rotation_matrix(KEY, 64), vectors.build_rotation_matrix(KEY, 64))


def test_different_keys_give_unrelated_matrices(
    unit_vectors: "np.ndarray[tuple[int, int], np.dtype[np.float32]]",
) -> None:
    one, other = (np.array(vectors.rotate_vectors(unit_vectors.tolist(), key)) for key in (KEY, OTHER_KEY))
    assert np.abs((one * other).sum(1)).max() < 0.3
    assert np.abs((one * unit_vectors).sum(1)).max() < 0.3


def test_gaussians_are_standard_normal() -> None:
    numbers = gaussians.generate_gaussians(KEY, 100_001)
    assert len(numbers) == 100_001
    assert (numbers.mean(), numbers.std()) == pytest.approx((0, 1), abs=0.02)
    assert (np.abs(numbers) < 1.96).mean() == pytest.approx(0.95, abs=0.005)


def test_key_of_wrong_length_is_rejected() -> None:
    with pytest.raises(ValueError, match="key size"):
        vectors.build_rotation_matrix(b"short", 8)


def test_cache_is_bounded_and_contains_no_key() -> None:
    vectors.clear_matrices()
    for at in range(vectors.MAX_CACHED_MATRICES + 3):
        vectors.rotate_vectors([[1.0, 0.0]], bytes([at]) * 32)
    assert len(vectors._matrices) == vectors.MAX_CACHED_MATRICES
    assert all(bytes([at]) * 32 not in vectors._matrices for at in range(256))
    vectors.clear_matrices()
    assert not vectors._matrices


def test_cache_of_large_matrices_has_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors.clear_matrices()
    monkeypatch.setattr(vectors, "MAX_CACHED_BYTES", 3 * vectors.build_rotation_matrix(KEY, 8).nbytes)
    for at in range(9):
        vectors.rotate_vectors([[1.0] * 8], bytes([at]) * 32)
    assert len(vectors._matrices) == 3
    vectors.clear_matrices()


def test_known_answer_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vectors.is_known_answer_valid()
    vectors.check_known_answer()
    monkeypatch.setattr(gaussians, "_generate_uniforms", lambda _key, count: np.linspace(0.1, 0.9, count))
    with pytest.raises(RuntimeError, match="Vector rotations on this machine differ"):
        vectors.check_known_answer()


def test_halfvec_text_is_as_precise_as_float16() -> None:
    vector = (np.random.default_rng(2).standard_normal(384) / math.sqrt(384)).tolist()
    text = vectors.format_halfvec(vector)
    read = np.array([float(number) for number in text.strip("[]").split(",")])
    assert len(read) == 384
    assert np.abs(read - vector).max() < np.abs(np.float16(vector) - vector).max() / 5


def test_rotating_no_vectors_needs_no_matrix() -> None:
    assert vectors.rotate_vectors([], KEY) == []
