"""Serialize a neural network as an ONNX model (onnx.proto3), with just the parts of the format that Picard needs.

The `onnx` package would be a dependency of 60 MB for these few messages of protocol buffers.
"""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IR_VERSION = 8
STANDARD_OPERATORS = "", 17
MICROSOFT = "com.microsoft"  # onnxruntime's own operators
MICROSOFT_OPERATORS = MICROSOFT, 1
DATA_TYPES = {"float32": 1, "uint8": 2, "int32": 6}  # TensorProto.DataType
FLOAT_ATTRIBUTE, INT_ATTRIBUTE = 1, 2  # AttributeProto.AttributeType


class OnnxGraph:
    """A graph of nodes; tensors are named, and their shapes may have named dimensions."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add_input(self, name: str, data_type: str, shape: Sequence[int | str]) -> None:
        self._parts.append(_write_value(11, name, data_type, shape))

    def add_output(self, name: str, data_type: str, shape: Sequence[int | str]) -> None:
        self._parts.append(_write_value(12, name, data_type, shape))

    def add_constant(self, name: str, values: "NDArray[np.generic]") -> str:
        """Add an initializer; return its name."""
        dimensions = b"".join(_write_int(1, size) for size in values.shape)
        data_type = _write_int(2, DATA_TYPES[values.dtype.name])
        tensor = dimensions + data_type + _write_text(8, name) + _write_bytes(9, values.tobytes())
        self._parts.append(_write_bytes(5, tensor))
        return name

    def add_node(
        self, operator: str, inputs: Sequence[str], output: str, domain: str = MICROSOFT, **attributes: float
    ) -> str:
        """Add a node with one output; return the output's name. An empty input is an omitted one."""
        node = b"".join(_write_text(1, name) for name in inputs) + _write_text(2, output)
        node += _write_text(4, operator) + _write_text(7, domain)
        node += b"".join(_write_attribute(name, value) for name, value in attributes.items())
        self._parts.append(_write_bytes(1, node))
        return output

    def serialize(self) -> bytes:
        """Return the bytes of a ModelProto."""
        operators = b"".join(
            _write_bytes(8, _write_text(1, domain) + _write_int(2, version))
            for domain, version in (STANDARD_OPERATORS, MICROSOFT_OPERATORS)
        )
        graph = _write_text(2, "model") + b"".join(self._parts)
        return _write_int(1, IR_VERSION) + operators + _write_bytes(7, graph)


def _write_value(number: int, name: str, data_type: str, shape: Sequence[int | str]) -> bytes:
    dimensions = b"".join(
        _write_bytes(1, _write_int(1, size) if isinstance(size, int) else _write_text(2, size))
        for size in shape
    )
    tensor = _write_int(1, DATA_TYPES[data_type]) + _write_bytes(2, dimensions)
    return _write_bytes(number, _write_text(1, name) + _write_bytes(2, _write_bytes(1, tensor)))


def _write_attribute(name: str, value: float) -> bytes:
    if isinstance(value, int):
        stored = _write_int(3, value) + _write_int(20, INT_ATTRIBUTE)
    else:
        stored = _write_varint(2 << 3 | 5) + struct.pack("<f", value) + _write_int(20, FLOAT_ATTRIBUTE)
    return _write_bytes(5, _write_text(1, name) + stored)


def _write_text(number: int, text: str) -> bytes:
    return _write_bytes(number, text.encode())


def _write_bytes(number: int, value: bytes) -> bytes:
    return _write_varint(number << 3 | 2) + _write_varint(len(value)) + value


def _write_int(number: int, value: int) -> bytes:
    return _write_varint(number << 3) + _write_varint(value)


def _write_varint(value: int) -> bytes:
    """Return the base-128 encoding of an integer; a negative one counts as 64-bit two's complement."""
    value &= (1 << 64) - 1
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
