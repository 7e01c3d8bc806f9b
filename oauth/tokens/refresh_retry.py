"""A refresh that is asked twice is answered twice: the first answer leaves a receipt for the repeat.

Clients refresh from several threads, or lose the answer on the way. Without this the second request would look like
a stolen token's replay and log the person's app out. A receipt holds for a short time, only for the same client, and
only while the refresh token in it was not used; after that a repeat is a replay.
"""

import hashlib
from datetime import timedelta

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db.models.functions import Now
from django.utils import timezone

from core.crypto import seal_bytes, unseal_bytes
from oauth.models import Application, RotationReceipt
from oauth.tokens.families import RefreshToken, compute_checksum

RECEIPT_TTL_S = 30


class RefreshReplay(Exception):
    """This refresh was answered before; `answer` is what was said."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("This refresh was answered before.")
        self.answer = answer


def raise_for_replay(refresh_token: str, client: Application) -> None:
    """Raises Repeated where the answer to this may be given again. The client has proven itself."""
    if (answer := find_stored_response(refresh_token, client)) is not None:
        raise RefreshReplay(answer)


def find_stored_response(refresh_token: str, client: Application) -> bytes | None:
    """The answer that this refresh token was given already, if it still may be given again."""
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
    return unseal_bytes(_derive_cipher(refresh_token), bytes(receipt.sealed), _get_associated_data(client))


def store_response(refresh_token: str, client: Application, answer: bytes, *, successor: str) -> None:
    """Keep the answer, whose refresh token is `successor`, sealed under a key that only the old one gives."""
    RotationReceipt.objects.create(
        digest=_hash_refresh_token(refresh_token),
        application=client,
        sealed=seal_bytes(_derive_cipher(refresh_token), answer, _get_associated_data(client)),
        successor=compute_checksum(successor),
        expires_at=timezone.now() + timedelta(seconds=RECEIPT_TTL_S),
    )


def purge_receipts() -> int:
    """Forget the receipts that no longer hold; returns how many."""
    return RotationReceipt.objects.filter(expires_at__lt=Now()).delete()[0]


def _hash_refresh_token(refresh_token: str) -> bytes:
    """Not the checksum under which the token itself is stored."""
    return hashlib.sha256(b"receipt" + refresh_token.encode()).digest()


def _derive_cipher(refresh_token: str) -> AESGCM:
    return AESGCM(hashlib.blake2b(refresh_token.encode(), digest_size=32, person=b"picard-receipt").digest())


def _get_associated_data(client: Application) -> bytes:
    return str(client.client_id).encode()
