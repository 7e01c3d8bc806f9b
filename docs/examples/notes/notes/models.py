"""Connected users and their tokens."""

import json
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import models
from django.utils import timezone

REFRESH_MARGIN = timedelta(seconds=30)  # an access token is refreshed this long before it expires


class Connection(models.Model):
    """A Picard user. Their tokens are stored encrypted, so a stolen database reveals none."""

    person_id = models.UUIDField(unique=True)
    name = models.CharField(max_length=200)
    sealed_tokens = models.BinaryField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @property
    def tokens(self) -> dict[str, Any]:
        tokens: dict[str, Any] = json.loads(_create_fernet().decrypt(bytes(self.sealed_tokens)))
        return tokens

    @tokens.setter
    def tokens(self, tokens: dict[str, Any]) -> None:
        self.sealed_tokens = _create_fernet().encrypt(json.dumps(tokens).encode())
        self.expires_at = timezone.now() + timedelta(seconds=tokens["expires_in"])

    @property
    def is_fresh(self) -> bool:
        return timezone.now() < self.expires_at - REFRESH_MARGIN


def _create_fernet() -> Fernet:
    return Fernet(settings.NOTES_TOKEN_KEY)
