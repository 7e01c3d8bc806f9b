"""Client secrets: generated here, shown once, stored as salted SHA-256.

A secret has 256 random bits and cannot be guessed, so a slow hash would only make token requests slow. Passwords of
users are hashed with argon2.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import unquote_plus

from django.db import models

PREFIX = "picard_cs_"  # lets secret scanners recognise leaked secrets
SCHEME = "sha256$"


class ClientSecretGenerator:
    """The toolkit's interface for generating secrets."""

    def hash(self) -> str:
        return new_secret()


class ClientSecretField(models.CharField):  # type: ignore[type-arg]
    """Stores a digest of its value."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        secret: str = getattr(model_instance, self.attname)
        if secret and not is_hashed_secret(secret):
            secret = hash_secret(secret)
            setattr(model_instance, self.attname, secret)
        return secret


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    salt = secrets.token_hex(16)
    return f"{SCHEME}{salt}${_hash_with_salt(salt, secret)}"


def is_hashed_secret(stored: str) -> bool:
    return stored.startswith(SCHEME)


def verify_secret(secret: str, stored: str) -> bool:
    """Return whether the secret matches, in constant time. An empty secret never does."""
    if not secret or not is_hashed_secret(stored):
        return False
    _scheme, salt, expected = stored.split("$")
    return hmac.compare_digest(_hash_with_salt(salt, secret), expected)


def parse_basic_header(header: str) -> tuple[str, str | None] | None:
    """Return client id and secret of an Authorization header; None for another scheme than Basic.

    The id is empty if the credentials are malformed, the secret None if the colon is missing. RFC 6749 2.3.1: both
    parts are form-encoded before they are joined and base64-encoded. A further colon belongs to an id that was not
    encoded, the URL of a metadata document: secrets contain none.
    """
    scheme, blank, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic" or not blank:  # RFC 9110 11.1: the scheme is case-insensitive
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return "", None
    client_id, colon, secret = decoded.rpartition(":")
    return (unquote_plus(client_id), unquote_plus(secret)) if colon else (unquote_plus(decoded), None)


def _hash_with_salt(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}${secret}".encode()).hexdigest()
