"""Authenticated encryption with AES-GCM: a random nonce, then the ciphertext, bound to associated data."""

import base64
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


def seal_bytes(cipher: AESGCM, content: bytes, bound_to: bytes) -> bytes:
    """Encrypt `content`. bound_to: associated data, which decryption must repeat."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, bound_to)


def unseal_bytes(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    """Decrypt. Raises InvalidTag if key or associated data differ, ValueError if the ciphertext is too short."""
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


def seal_to_text(cipher: AESGCM, content: bytes, bound_to: bytes) -> str:
    """Encrypt to base64, for text columns and sessions."""
    return base64.b64encode(seal_bytes(cipher, content, bound_to)).decode()


def unseal_text(cipher: AESGCM, sealed: str, bound_to: bytes) -> bytes:
    """Decrypt base64. Raises InvalidTag and ValueError, as `unseal_bytes` does."""
    return unseal_bytes(cipher, base64.b64decode(sealed, validate=True), bound_to)
