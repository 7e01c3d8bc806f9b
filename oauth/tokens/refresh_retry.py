"""Retries of a refresh get the same response again, from a stored receipt.

Clients refresh from several threads or processes, or lose the response. Without this, the second request would look
like reuse of a stolen token and disconnect the app. A receipt is valid for a short time, only for the same client, and
only while the refresh token in the response is unused; after that, a retry counts as reuse (docs/decisions/0026).
"""

import hashlib
import json
from datetime import timedelta

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db.models.functions import Now
from django.utils import timezone

from core.crypto import seal_bytes, unseal_bytes
from oauth.models import Application, RotationReceipt
from oauth.tokens.families import RefreshToken, compute_checksum

RECEIPT_TTL_S = 300


class RefreshReplay(Exception):
    """This refresh already got `response`."""

    def __init__(self, response: bytes) -> None:
        super().__init__("This refresh was already answered.")
        self.response = response


def raise_for_replay(refresh_token: str, client: Application) -> None:
    """Raise RefreshReplay if the authenticated client may get the stored response again."""
    if (response := find_stored_response(refresh_token, client)) is not None:
        raise RefreshReplay(response)


def find_stored_response(refresh_token: str, client: Application) -> bytes | None:
    """Return the stored response to this refresh token, None if there is none or it is no longer valid."""
    receipt = RotationReceipt.objects.filter(
        digest=_hash_refresh_token(refresh_token), application=client, expires_at__gt=Now()
    ).first()
    if receipt is None:
        return None
    unused = RefreshToken.objects.filter(
        token_checksum=receipt.successor, revoked__isnull=True, access_token__isnull=False
    )
    if not unused.exists():
        return None
    response = unseal_bytes(
        _derive_cipher(refresh_token), bytes(receipt.sealed), _get_associated_data(client)
    )
    return _shorten_expiry(response, RECEIPT_TTL_S - (receipt.expires_at - timezone.now()).total_seconds())


def store_response(refresh_token: str, client: Application, response: bytes, *, successor: str) -> None:
    """Store the response, encrypted with a key derived from the old refresh token. successor: its refresh token."""
    RotationReceipt.objects.create(
        digest=_hash_refresh_token(refresh_token),
        application=client,
        sealed=seal_bytes(_derive_cipher(refresh_token), response, _get_associated_data(client)),
        successor=compute_checksum(successor),
        expires_at=timezone.now() + timedelta(seconds=RECEIPT_TTL_S),
    )


def purge_receipts() -> int:
    """Delete expired receipts; return their number."""
    return RotationReceipt.objects.filter(expires_at__lt=Now()).delete()[0]


def _shorten_expiry(response: bytes, age_s: float) -> bytes:
    """Count `expires_in` from the first response, when the access token was issued."""
    body = json.loads(response)
    return json.dumps(body | {"expires_in": max(body["expires_in"] - int(age_s), 0)}).encode()


def _hash_refresh_token(refresh_token: str) -> bytes:
    """Return a digest other than the checksum under which the token itself is stored."""
    return hashlib.sha256(b"receipt" + refresh_token.encode()).digest()


def _derive_cipher(refresh_token: str) -> AESGCM:
    return AESGCM(hashlib.blake2b(refresh_token.encode(), digest_size=32, person=b"picard-receipt").digest())


def _get_associated_data(client: Application) -> bytes:
    return str(client.client_id).encode()
