"""Invitations: a secret with which one person can sign up, shown once and stored as a digest."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from accounts.models import Invitation, User

DAYS = 14


class InvalidInvitation(Exception):
    """The invitation is unknown, used, expired, or for another e-mail address."""


def create_invitation(email: str = "", days: int = DAYS) -> str:
    """Create an invitation and return its secret. With `email`, only that address can use it."""
    secret = secrets.token_urlsafe(24)
    Invitation.objects.create(
        secret_digest=_hash_secret(secret),
        email=email.strip().lower(),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return secret


def find_invitation(secret: str) -> Invitation | None:
    """Return the invitation with this secret, None if it cannot be used."""
    return Invitation.objects.filter(
        secret_digest=_hash_secret(secret), used_at__isnull=True, expires_at__gt=timezone.now()
    ).first()


def redeem_invitation(secret: str, user: User) -> None:
    """Mark the invitation as used by this new user. Call it in the transaction that creates the user.

    A single statement, so that only one of two concurrent sign-ups succeeds. Raises InvalidInvitation.
    """
    now = timezone.now()
    usable = Invitation.objects.filter(
        secret_digest=_hash_secret(secret), used_at__isnull=True, expires_at__gt=now
    )
    if not usable.filter(email__in=["", user.email]).update(used_by=user, used_at=now):
        raise InvalidInvitation


def _hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
