"""What the local models share: pinned files of wheels, inference sessions on the CPU, and batches of texts."""

import ctypes
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memories.providers.embeddings import ProviderRejected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 32
BATCH_PIECES = 256  # including padding; measured: larger batches exceed the processor's caches
THREADS = 2
MIN_KNOWN = 0.5  # share of a text's characters in pieces that a model knows; below it, the text has no vector

# Runs at the same time would push each other's weights out of the processor's caches: measured, one after the other
# embeds 13 to 45 % more queries of four threads.
_one_run = threading.Lock()


def find_wheel_file(package: str, name: str) -> Path:
    """Return the path of a file of an installed package, without importing the package."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ProviderRejected("wrong_file", f"the package {package} is not installed")
    return Path(found.origin).with_name(name)


def verify_checksum(path: Path, sha256: str) -> Path:
    """Return the path if its file has the checksum. (Loading from bytes would cost 40 MB more per process.)"""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ProviderRejected("wrong_file", f"{path.name} is missing") from None
    if digest != sha256:
        raise ProviderRejected(
            "wrong_file", f"{path.name} does not match its pinned SHA-256 and was not loaded"
        )
    return path


def create_session(model: str | bytes) -> Any:
    """Return an onnxruntime.InferenceSession of a model file's path or of a serialized model."""
    # The official builds send telemetry to Microsoft unless this is set before they are loaded
    # (onnxruntime/Privacy.md).
    os.environ.update(ORT_DISABLE_TELEMETRY="1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    # Idle threads must not spin on cores that serve requests, and an arena would hold the largest batch's memory.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def trim_heap() -> None:
    """Return the memory freed after loading to the system: glibc would keep 60 MB. (Other systems lack this call.)"""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def embed_pieces(
    pieces: "Sequence[list[int] | None]", embed_batch: "Callable[[list[list[int]]], NDArray[np.floating]]"
) -> list[list[float] | None]:
    """Return the vector of each text, given as IDs of pieces, in order; None for None."""
    vectors: list[list[float] | None] = [None] * len(pieces)
    lengths = {at: len(ids) for at, ids in enumerate(pieces) if ids is not None}
    for batch in _batch_by_length(lengths):
        with _one_run:
            embedded = embed_batch([pieces[at] or [] for at in batch])
        for at, vector in zip(batch, embedded, strict=True):
            vectors[at] = vector.tolist()
    return vectors


def _batch_by_length(lengths: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield batches of text positions, grouped by similar length in pieces to minimize padding."""
    batch: list[int] = []
    for at in sorted(lengths, key=lambda at: lengths[at]):
        padded = (len(batch) + 1) * lengths[at]
        if batch and (len(batch) == BATCH or padded > BATCH_PIECES):
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
