"""The projection of wide vectors: it never changes, and keeps cosines as well as can be."""

import math

import numpy as np
import pytest

from memories.providers.projection import project_vectors

WIDE, NARROW = 768, 384
# The beginning of the projection of the first axis. Must never change: stored vectors depend on it.
KNOWN = [-0.0094732, -0.0156958, -0.0088885, -0.0259905]


def test_projection_never_changes() -> None:
    [projected] = project_vectors([[1.0] + [0.0] * (WIDE - 1)], NARROW)
    assert projected[: len(KNOWN)] == pytest.approx(KNOWN, abs=1e-6)


def test_cosines_are_kept_within_the_bound() -> None:
    generator = np.random.default_rng(1)
    shared = generator.standard_normal(WIDE)
    vectors = np.array(
        [shared * weight + generator.standard_normal(WIDE) for weight in np.linspace(0, 2, 100)]
    )
    projected = np.array(project_vectors(vectors.tolist(), NARROW))
    before, after = (
        rows @ rows.T
        for rows in (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (vectors, projected))
    )
    assert np.std(after - before) < 1 / math.sqrt(NARROW)
    similar = (before > 0.6) & (before < 0.999)
    assert similar.sum() > 1_000
    assert np.std((after - before)[similar]) < 0.5 / math.sqrt(NARROW)


def test_no_vectors_are_projected_to_none() -> None:
    assert project_vectors([], NARROW) == []
