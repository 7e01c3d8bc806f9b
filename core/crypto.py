"""The one shape of whatever is sealed: a fresh nonce, then what AES-GCM makes of the content and binds to its place."""

import base64
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


def seal_bytes(cipher: AESGCM, content: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, bound_to)


def unseal_bytes(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    """Raises InvalidTag for what another key or another place sealed, ValueError for what is too short."""
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


def seal_to_text(cipher: AESGCM, content: bytes, bound_to: bytes) -> str:
    """In base64, for columns and sessions that hold text."""
    return base64.b64encode(seal_bytes(cipher, content, bound_to)).decode()


def unseal_text(cipher: AESGCM, sealed: str, bound_to: bytes) -> bytes:
    """Raises InvalidTag and ValueError, as `unseal_bytes` does."""
    return unseal_bytes(cipher, base64.b64decode(sealed, validate=True), bound_to)
