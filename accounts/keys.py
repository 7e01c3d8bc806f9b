"""Keys: master keys wrap one random data key per user, from which HKDF-SHA256 derives one sub-key per purpose.

Master keys are settings.FIELD_ENCRYPTION_KEY (the first encrypts, all decrypt). Each process caches a data key for
60 s; after that, the texts of a user whose key was deleted are unreadable everywhere.
"""

import base64
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts.fields import DecryptError
from accounts.models import PersonKey, ServerKey

KEY_BYTES = 32
CACHE_S = 60.0
CACHE_ENTRIES = 10_000


class DataKeyNotFound(DecryptError):
    """The user's data key was deleted: their encrypted texts cannot be read any more."""


class WrongMasterKeys(Exception):
    """The configured master keys cannot decrypt the keys of this database."""


@dataclass(frozen=True, repr=False)
class DataKey:
    """A 32-byte data key and the keys derived from it. Its repr does not contain them."""

    secret: bytes

    def __repr__(self) -> str:
        return "<data key>"

    @cached_property
    def text_cipher(self) -> AESGCM:
        """Encrypts memories, their history, and tag names."""
        return AESGCM(self._derive_key(b"text"))

    @cached_property
    def tag_hash_key(self) -> bytes:
        """Key of the hash by which tags are looked up by name."""
        return self._derive_key(b"tags")

    @cached_property
    def vector_rotation_key(self) -> bytes:
        """Seed of the secret rotation of vectors."""
        return self._derive_key(b"vector rotation")

    @cached_property
    def keyword_hash_key(self) -> bytes:
        """Key of the hashes of words."""
        return self._derive_key(b"keyword tokens")

    @cached_property
    def mfa_cipher(self) -> AESGCM:
        """Encrypts TOTP secrets and seeds of recovery codes. Server key only."""
        return AESGCM(self._derive_key(b"second factors"))

    @cached_property
    def session_cipher(self) -> AESGCM:
        """Encrypts session data. Server key only."""
        return AESGCM(self._derive_key(b"sessions"))

    @cached_property
    def playground_cipher(self) -> AESGCM:
        """Encrypts the state of the playground, where developers test their app."""
        return AESGCM(self._derive_key(b"trials"))

    @cached_property
    def shared_text_cipher(self) -> AESGCM:
        """Encrypts text shared by an anonymous user until they log in. Server key only."""
        return AESGCM(self._derive_key(b"carried through a log-in"))

    @cached_property
    def mail_cipher(self) -> AESGCM:
        """Encrypts e-mails that wait for the mail server. Server key only."""
        return AESGCM(self._derive_key(b"mail"))

    def _derive_key(self, purpose: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"picard/1/" + purpose).derive(
            self.secret
        )


_cache: dict[UUID | None, tuple[float, DataKey]] = {}  # None: the server key
_lock = threading.Lock()


def get_person_key(user_id: UUID) -> DataKey:
    """Return the user's data key from the cache or the database. Raises DataKeyNotFound, DecryptError."""
    if cached := _get_cached_key(user_id):
        return cached
    row = PersonKey.objects.filter(pk=user_id).only("wrapped").first()
    if row is None:
        raise DataKeyNotFound(f"no data key for {user_id}")
    return _add_to_cache(user_id, _decode_data_key(row.wrapped))


def create_person_keys(user_ids: Iterable[UUID]) -> None:
    """Create a data key for each of these users who has none. Raises WrongMasterKeys."""
    get_server_key()
    fresh = [PersonKey(user_id=user_id, wrapped=_generate_key()) for user_id in user_ids]
    PersonKey.objects.bulk_create(fresh, ignore_conflicts=True)


def get_server_key() -> DataKey:
    """Return the server's own data key, used for words of public memories. Raises WrongMasterKeys."""
    return _get_cached_key(None) or _add_to_cache(None, check_master_keys())


def check_master_keys() -> DataKey:
    """Check that the master keys decrypt the server key, and return it; create it in a new database.

    Raises WrongMasterKeys. The server must stop then, or the database would contain texts of two sets of keys.
    """
    try:
        row = ServerKey.objects.filter(pk=1).first()
        if row is None:
            ServerKey.objects.bulk_create([ServerKey(pk=1, wrapped=_generate_key())], ignore_conflicts=True)
            row = ServerKey.objects.get(pk=1)
    except DecryptError:
        raise WrongMasterKeys(
            "FIELD_ENCRYPTION_KEY does not match this database. Set the master keys that it was created with."
        ) from None
    return _decode_data_key(row.wrapped)


def refuse_wrong_master_keys() -> None:
    """Exit the process (SystemExit) if the master keys do not match this database.

    Ignore a database that is unreachable or not migrated yet: /readyz reports that.
    """
    try:
        check_master_keys()
    except WrongMasterKeys as error:
        raise SystemExit(f"picard.E006: {error}") from None
    except DatabaseError:
        return


def delete_person_key(user_id: UUID) -> None:
    """Delete a user's key. Their texts are unreadable at once in this process, and within 60 s in others."""
    PersonKey.objects.filter(pk=user_id).delete()
    clear_key_cache(user_id)


def clear_key_cache(user_id: UUID | None = None) -> None:
    """Remove one user's key from the cache, or all keys."""
    with _lock:
        _cache.clear() if user_id is None else _cache.pop(user_id, None)


# --- Rotation of the master keys ----------------------------------------------------------------------


@dataclass(frozen=True)
class KeyStatus:
    """Number of stored keys by the master key that wraps them; `newest` is the first of FIELD_ENCRYPTION_KEY."""

    newest: int
    older: int
    unreadable: int


def get_key_status() -> KeyStatus:
    """Try to unwrap every stored key (of users and the server) with the configured master keys."""
    masters = [Fernet(key) for key in settings.FIELD_ENCRYPTION_KEY]
    counts = {"newest": 0, "older": 0, "unreadable": 0}
    for _table, _id, wrapped in _fetch_wrapped_keys():
        index = next((at for at, master in enumerate(masters) if _can_unwrap(master, wrapped)), None)
        counts["unreadable" if index is None else "older" if index else "newest"] += 1
    return KeyStatus(**counts)


def rewrap_all_keys() -> int:
    """Wrap every stored key with the newest master key, in one transaction; return their number. No text changes."""
    with transaction.atomic():
        rows = [*PersonKey.objects.select_for_update().order_by("pk"), *ServerKey.objects.select_for_update()]
        for row in rows:
            row.save(update_fields=["wrapped"])
    return len(rows)


def _fetch_wrapped_keys() -> list[tuple[str, object, str]]:
    """Return (table, id, ciphertext) of every wrapped key. The model's field would raise for an unreadable one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select 'person', user_id::text, wrapped from accounts_personkey"
            " union all select 'server', id::text, wrapped from accounts_serverkey"
        )
        return list(cursor.fetchall())


def _can_unwrap(master: Fernet, wrapped: str) -> bool:
    try:
        master.decrypt(wrapped.encode())
    except InvalidToken:
        return False
    return True


# --- Private ------------------------------------------------------------------------------------------


def _generate_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _decode_data_key(wrapped: str) -> DataKey:
    secret = base64.b64decode(wrapped)
    if len(secret) != KEY_BYTES:
        raise DecryptError("data key has the wrong length")
    return DataKey(secret)


def _get_cached_key(user_id: UUID | None) -> DataKey | None:
    with _lock:
        until, key = _cache.get(user_id, (0.0, None))
    return key if key and until > time.monotonic() else None


def _add_to_cache(user_id: UUID | None, key: DataKey) -> DataKey:
    with _lock:
        if len(_cache) >= CACHE_ENTRIES:
            _cache.pop(next(iter(_cache)))
        _cache[user_id] = (time.monotonic() + CACHE_S, key)
    return key
