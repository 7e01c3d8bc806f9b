"""Secrets of apps: made here, shown once, kept as salted SHA-256.

A secret has 256 random bits, so nobody guesses it and a slow hash protects nothing: it only makes every token request
cost what a log-in costs. People's passwords are hashed by argon2, never by this.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import unquote_plus

from django.db import models

PREFIX = "picard_cs_"  # scanners of leaked secrets look for such marks
SCHEME = "sha256$"


class ClientSecretGenerator:
    """The toolkit's interface for making one."""

    def hash(self) -> str:
        return new_secret()


class ClientSecretField(models.CharField):  # type: ignore[type-arg]
    """Keeps a digest of what it is given."""

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
    """Whether this is the secret, in constant time; an empty one never is."""
    if not secret or not is_hashed_secret(stored):
        return False
    _scheme, salt, expected = stored.split("$")
    return hmac.compare_digest(_hash_with_salt(salt, secret), expected)


def parse_basic_credentials(encoded: str) -> tuple[str, str | None] | None:
    """Client id and secret of HTTP Basic, None for what is none; the secret is None where no colon parts the two.

    RFC 6749 2.3.1: both parts are form-encoded before they are joined and encoded again.
    """
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return None
    client_id, colon, secret = decoded.partition(":")
    return unquote_plus(client_id), (unquote_plus(secret) if colon else None)


def _hash_with_salt(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}${secret}".encode()).hexdigest()
