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

from core.crypto import seal, unseal
from oauth.models import Application, RotationReceipt
from oauth.tokens.families import RefreshToken, checksum

HOLDS_S = 30


class Repeated(Exception):
    """This refresh was answered before; `answer` is what was said."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("This refresh was answered before.")
        self.answer = answer


def repeat(refresh_token: str, client: Application) -> None:
    """Raises Repeated where the answer to this may be given again. The client has proven itself."""
    if (answer := find(refresh_token, client)) is not None:
        raise Repeated(answer)


def find(refresh_token: str, client: Application) -> bytes | None:
    """The answer that this refresh token was given already, if it still may be given again."""
    receipt = RotationReceipt.objects.filter(
        digest=_digest(refresh_token), application=client, expires_at__gt=Now()
    ).first()
    if receipt is None:
        return None
    unused = RefreshToken.objects.filter(
        token_checksum=receipt.successor, revoked__isnull=True, access_token__isnull=False
    )
    if not unused.exists():
        return None
    return unseal(_cipher(refresh_token), bytes(receipt.sealed), _bound_to(client))


def leave(refresh_token: str, client: Application, answer: bytes, *, successor: str) -> None:
    """Keep the answer, whose refresh token is `successor`, sealed under a key that only the old one gives."""
    RotationReceipt.objects.create(
        digest=_digest(refresh_token),
        application=client,
        sealed=seal(_cipher(refresh_token), answer, _bound_to(client)),
        successor=checksum(successor),
        expires_at=timezone.now() + timedelta(seconds=HOLDS_S),
    )


def purge() -> int:
    """Forget the receipts that no longer hold; returns how many."""
    return RotationReceipt.objects.filter(expires_at__lt=Now()).delete()[0]


def _digest(refresh_token: str) -> bytes:
    """Not the checksum under which the token itself is stored."""
    return hashlib.sha256(b"receipt" + refresh_token.encode()).digest()


def _cipher(refresh_token: str) -> AESGCM:
    return AESGCM(hashlib.blake2b(refresh_token.encode(), digest_size=32, person=b"picard-receipt").digest())


def _bound_to(client: Application) -> bytes:
    return str(client.client_id).encode()
