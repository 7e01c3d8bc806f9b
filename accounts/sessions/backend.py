"""Sessions whose keys are only in their people's cookies: a row is found by a digest, so a stolen dump opens none.

What a session holds (who is logged in, what a form said that waits for the password) lies sealed in its row.
"""

import hashlib
import logging
from typing import Any

from asgiref.sync import sync_to_async
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from core.crypto import seal_to_text, unseal_text

logger = logging.getLogger(__name__)

DIGEST_BYTES = 20  # in hex as long as Django's column; a key has 165 random bits, so it needs no slower hash


class HashedSessionKey(str):
    """A digest that came out of the database. A cookie is plain text, so a stolen digest opens nothing."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str.__eq__(self, hash_session_key(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def hash_session_key(session_key: str) -> str:
    """Under which a session is stored."""
    if isinstance(session_key, HashedSessionKey):
        return str(session_key)
    digest = hashlib.blake2b(session_key.encode(), digest_size=DIGEST_BYTES, person=b"picard-session")
    return digest.hexdigest()


class SessionStore(db.SessionStore):
    """Django's, in the same table."""

    def encode(self, session_dict: dict[str, object]) -> str:
        return seal_to_text(
            _get_session_cipher(), self.serializer().dumps(session_dict), self._get_associated_data()
        )

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Nothing, where it does not open: somebody wrote to the database, or moved it from another session's row."""
        try:
            opened = unseal_text(_get_session_cipher(), str(session_data), self._get_associated_data())
        except (ValueError, InvalidTag):
            logger.warning("a session's row does not open")
            return {}
        held: dict[str, Any] = self.serializer().loads(opened)
        return held

    def _get_associated_data(self) -> bytes:
        return f"django_session:{hash_session_key(self.session_key or '')}".encode()

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        stored = self.model.objects.filter(
            session_key=hash_session_key(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if stored is None:
            self._session_key = None  # a key that a visitor made up is never taken over
        return stored

    def exists(self, session_key: str) -> bool:
        return super().exists(hash_session_key(session_key))

    def create_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        made = super().create_model_instance(data)
        made.session_key = hash_session_key(made.session_key)
        return made

    def delete(self, session_key: str | None = None) -> None:
        key = self.session_key if session_key is None else session_key
        if key is not None:
            super().delete(hash_session_key(key))

    # Nobody calls these today; Django's own would store and look for the key itself.

    async def aload(self) -> dict[str, object]:
        return await sync_to_async(self.load)()

    async def _aget_session_from_db(self) -> AbstractBaseSession | None:
        return await sync_to_async(self._get_session_from_db)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        return await sync_to_async(self.create_model_instance)(data)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)


def _get_session_cipher() -> AESGCM:
    from accounts.keys import get_server_key  # when all models are there

    return get_server_key().session_cipher
