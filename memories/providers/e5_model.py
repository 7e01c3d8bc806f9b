"""multilingual-e5-small as an onnxruntime session: a BERT of 12 layers, whose graph is built here from the weights."""

from pathlib import Path
from typing import TYPE_CHECKING

from memories.providers.e5_weights import BLOCK, E5Weights, load_vocabulary, open_weights
from memories.providers.local_models import MIN_KNOWN, create_session
from memories.providers.onnx_writer import OnnxGraph

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_PIECES = 512  # positions that the model knows, including start and end
QUERY, PASSAGE = "query:", "passage:"  # what the model was trained with before a question and a text
EPSILON = 1e-12  # of the layer normalizations
INT8_ACTIVATIONS = 4  # MatMulNBits's accuracy_level


class E5Model:
    """The loaded model. Raises ProviderRejected if the file of its weights is not the pinned one."""

    def __init__(self, path: Path | None = None) -> None:
        self._weights = open_weights(path)
        self.vocabulary = load_vocabulary()
        self._session = create_session(_build_model(self._weights))
        self._starts = {
            prefix: [self._weights.start, *self.vocabulary.tokenize(prefix).ids]
            for prefix in (QUERY, PASSAGE)
        }

    def tokenize(self, prefix: str, text: str) -> list[int] | None:
        """Return the IDs of the pieces that the model reads, None if most of the text is unknown."""
        tokenized, start = self.vocabulary.tokenize(text), self._starts[prefix]
        if tokenized.known <= MIN_KNOWN:
            return None
        return [*start, *tokenized.ids[: MAX_PIECES - len(start) - 1], self._weights.end]

    def embed_batch(self, batch: list[list[int]], prefix: str) -> "NDArray[np.float32]":
        """Return one row per text: the mean of its pieces' last hidden states, at unit length.

        A piece weighs as much as it is rare, and those around the text nothing. Measured, this finds more than the
        plain mean, with which the model was trained.
        """
        import numpy as np

        weights = np.zeros((len(batch), max(map(len, batch))), np.float32)
        for row, ids in enumerate(batch):
            weights[row, : len(ids)] = self.vocabulary.get_rarities(ids)
        weights[:, : len(self._starts[prefix])] = 0
        return average_states(self.compute_states(batch), weights)

    def compute_states(self, batch: list[list[int]]) -> "NDArray[np.float32]":
        """Return the last hidden states. Shape: (texts, pieces of the longest, hidden size)."""
        import numpy as np

        size, longest = self._weights.hidden, max(map(len, batch))
        positions = self._weights.read_floats("emb.pos").reshape(-1, size)
        kind = self._weights.read_floats("emb.type")[:size]
        summed = np.zeros((len(batch), longest, size), np.float32)
        mask = np.zeros((len(batch), longest), np.int32)
        for row, ids in enumerate(batch):
            pieces = self._weights.read_rows("emb.word", size, ids)
            summed[row, : len(ids)], mask[row, : len(ids)] = pieces + positions[: len(ids)] + kind, 1
        states: NDArray[np.float32] = self._session.run(None, {"embeddings": summed, "mask": mask})[0]
        return states


def average_states(states: "NDArray[np.float32]", weights: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the weighted mean state of each text, at unit length. weights: one per text and piece."""
    return scale_to_unit((states * weights[:, :, None]).sum(1))


def scale_to_unit(vectors: "NDArray[np.floating]") -> "NDArray[np.float32]":
    import numpy as np

    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def _build_model(weights: E5Weights) -> bytes:
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
        block_size=BLOCK,
        accuracy_level=INT8_ACTIVATIONS,
    )


def _add_normalized_sum(graph: OnnxGraph, weights: E5Weights, name: str, one: str, other: str) -> str:
    constants = _add_floats(graph, weights, f"{name}.w", f"{name}.b")
    return graph.add_node("SkipLayerNormalization", [one, other, *constants], name, epsilon=EPSILON)


def _add_floats(graph: OnnxGraph, weights: E5Weights, *names: str) -> list[str]:
    return [graph.add_constant(name, weights.read_floats(name)) for name in names]
