"""Pseudorandom normal numbers that are the same on every machine and with every version of NumPy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def generate_gaussians(key: bytes, count: int) -> "NDArray[np.float64]":
    """Return standard normal numbers of a 32-byte key, by Box and Muller (1958)."""
    import numpy as np

    pairs = (count + 1) // 2
    uniforms = _generate_uniforms(key, 2 * pairs)
    radius = np.sqrt(-2.0 * np.log(uniforms[:pairs]))
    angle = 2.0 * np.pi * uniforms[pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def _generate_uniforms(key: bytes, count: int) -> "NDArray[np.float64]":
    """Return numbers in (0, 1], 53 bits each, from the AES-256-CTR stream of the 32-byte key.

    NumPy's own streams are not guaranteed to stay the same across versions (NEP 19).
    """
    import numpy as np
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    stream = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
    bits = np.frombuffer(stream.update(bytes(8 * count)), "<u8") >> np.uint64(11)
    return (bits.astype(np.float64) + 1.0) / 2.0**53
