"""Who connected, and the tokens that Notes holds for them."""

import json
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import models
from django.utils import timezone

MARGIN = timedelta(seconds=30)  # an access token is renewed this long before it ends


class Connection(models.Model):
    """One person of Picard. What Picard gave for them lies sealed: a stolen database opens nothing."""

    person_id = models.UUIDField(unique=True)
    name = models.CharField(max_length=200)
    sealed_tokens = models.BinaryField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @property
    def tokens(self) -> dict[str, Any]:
        opened: dict[str, Any] = json.loads(_fernet().decrypt(bytes(self.sealed_tokens)))
        return opened

    @tokens.setter
    def tokens(self, given: dict[str, Any]) -> None:
        self.sealed_tokens = _fernet().encrypt(json.dumps(given).encode())
        self.expires_at = timezone.now() + timedelta(seconds=given["expires_in"])

    @property
    def is_fresh(self) -> bool:
        return timezone.now() < self.expires_at - MARGIN


def _fernet() -> Fernet:
    return Fernet(settings.NOTES_TOKEN_KEY)
