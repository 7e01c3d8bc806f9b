"""Sessions stored under a digest of their key, so that a stolen database dump contains no usable key.

Session data (who is logged in, form data that is kept until the password is confirmed) is stored encrypted.
"""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth import SESSION_KEY as AUTH_SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from core.crypto import seal_to_text, unseal_text

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

FORMER_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
# Of a session without a user, unless it says itself how long it lasts, as a sign-up that waits for its code does: it
# holds a step of logging in, and anybody can start one.
ANONYMOUS_S = 10_800
OWN_EXPIRY_KEY = "_session_expiry"  # of Django
DIGEST_BYTES = 20  # 40 hex digits fit Django's column; keys have 165 random bits, so a fast hash is enough


class HashedSessionKey(str):
    """A digest read from the database. A digest in a cookie is a plain str and is hashed again, so it is useless."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str.__eq__(self, hash_session_key(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def hash_session_key(session_key: str) -> str:
    """Return the digest under which the session is stored."""
    if isinstance(session_key, HashedSessionKey):
        return str(session_key)
    digest = hashlib.blake2b(session_key.encode(), digest_size=DIGEST_BYTES, person=b"picard-session")
    return digest.hexdigest()


class SessionStore(db.SessionStore):
    """Django's database sessions, in the same table, with hashed keys and encrypted data."""

    _listed_user: "User | None" = None

    def encode(self, session_dict: dict[str, object]) -> str:
        return seal_to_text(
            _get_session_cipher(), self.serializer().dumps(session_dict), self._get_associated_data()
        )

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Return the data; {} if it cannot be decrypted, because it was changed or copied from another session."""
        try:
            content = unseal_text(_get_session_cipher(), str(session_data), self._get_associated_data())
        except (ValueError, InvalidTag):
            logger.warning("session data cannot be decrypted")
            return {}
        data: dict[str, Any] = self.serializer().loads(content)
        if data.get(BACKEND_SESSION_KEY) == FORMER_BACKEND:  # it began before accounts/login/backend.py
            data[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        return data

    def _get_associated_data(self) -> bytes:
        return f"django_session:{hash_session_key(self.session_key or '')}".encode()

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        from accounts.sessions.stored_sessions import load_session  # imported late: models must be loaded

        found = load_session(hash_session_key(self.session_key or ""), timezone.now())
        if found is None:
            self._session_key = None  # never adopt a key chosen by the client
            return None
        stored, self._listed_user = found
        return stored

    def take_listed_user(self) -> "User | None":
        """Return once the user who was read with the session, if it is in their list."""
        self._get_session()  # type: ignore[attr-defined]
        person, self._listed_user = self._listed_user, None
        return person

    def get_expiry_age(self, **kwargs: Any) -> int:
        age = int(super().get_expiry_age(**kwargs))
        has_own_age = AUTH_SESSION_KEY in self or OWN_EXPIRY_KEY in self
        return age if has_own_age else min(age, ANONYMOUS_S)

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        return timezone.now() + timedelta(seconds=self.get_expiry_age(**kwargs))

    def exists(self, session_key: str) -> bool:
        return super().exists(hash_session_key(session_key))

    def create_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = hash_session_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = self.session_key if session_key is None else session_key
        if key is not None:
            super().delete(hash_session_key(key))

    # Not called today, but Django's versions would store and look up the unhashed key.

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
    from accounts.keys import get_server_key  # imported late: models must be loaded

    return get_server_key().session_cipher
