"""Invitations: a secret that lets one person sign up, shown once and stored as its digest."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from accounts.models import Invitation, User

DAYS = 14


class InvalidInvitation(Exception):
    """The invitation was used, or has run out, since it was shown."""


def create_invitation(email: str = "", days: int = DAYS) -> str:
    """The secret of a new invitation, for whoever holds it, or with `email` for that address alone."""
    secret = secrets.token_urlsafe(24)
    Invitation.objects.create(
        secret_digest=_hash_secret(secret),
        email=email.strip().lower(),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return secret


def find_invitation(secret: str) -> Invitation | None:
    """The invitation of this secret, if it can still be used."""
    return Invitation.objects.filter(
        secret_digest=_hash_secret(secret), used_at__isnull=True, expires_at__gt=timezone.now()
    ).first()


def redeem_invitation(secret: str, user: User) -> None:
    """Use the invitation up for this new person. One statement: of two who try at once, one gets it.

    Raises InvitationSpent. Belongs into the transaction that makes the person.
    """
    now = timezone.now()
    usable = Invitation.objects.filter(
        secret_digest=_hash_secret(secret), used_at__isnull=True, expires_at__gt=now
    )
    if not usable.filter(email__in=["", user.email]).update(used_by=user, used_at=now):
        raise InvalidInvitation


def _hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
