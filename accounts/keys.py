"""Keys: master keys wrap one random data key per user, from which HKDF-SHA256 derives one sub-key per purpose.

Master keys are settings.FIELD_ENCRYPTION_KEY (the first encrypts, all decrypt). What they wrap is
`base64 of the key|table|id of the row`, so a wrapped key opens only in its own row. Each process caches a data key
for 60 s; after that, the texts of a user whose key was deleted are unreadable everywhere.
"""

import base64
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
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
BINDING_MARK = "|"  # not in the alphabet of base64

KeyModel = type[PersonKey] | type[ServerKey]


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
    def conversation_cipher(self) -> AESGCM:
        """Encrypts a conversation with a persona, which its page carries. Server key only."""
        return AESGCM(self._derive_key(b"conversations"))

    @cached_property
    def mail_cipher(self) -> AESGCM:
        """Encrypts e-mails that wait for the mail server. Server key only."""
        return AESGCM(self._derive_key(b"mail"))

    @cached_property
    def identity_hash_key(self) -> bytes:
        """Key of the hash by which identities at OpenID providers are looked up. Server key only."""
        return self._derive_key(b"identities")

    @cached_property
    def identity_cipher(self) -> AESGCM:
        """Encrypts what is known of an identity, bound to its user. Server key only."""
        return AESGCM(self._derive_key(b"details of identities"))

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
    return _add_to_cache(user_id, _decode_data_key(row.wrapped, PersonKey, user_id))


def create_person_keys(user_ids: Iterable[UUID]) -> None:
    """Create a data key for each of these users who has none. Raises WrongMasterKeys."""
    get_server_key()
    fresh = [PersonKey(user_id=id_, wrapped=_generate_key(PersonKey, id_)) for id_ in user_ids]
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
            first = ServerKey(pk=1, wrapped=_generate_key(ServerKey, 1))
            ServerKey.objects.bulk_create([first], ignore_conflicts=True)
            row = ServerKey.objects.get(pk=1)
        return _decode_data_key(row.wrapped, ServerKey, 1)
    except DecryptError:
        raise WrongMasterKeys(
            "FIELD_ENCRYPTION_KEY does not match this database. Set the master keys that it was created with."
        ) from None


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
    """Number of stored keys by the master key that wraps them; `newest` is the first of FIELD_ENCRYPTION_KEY.

    `unreadable` counts those that no master key opens, and those that belong to another row. `unbound` counts those
    among the others that do not name their row: release 0.2.0 or an older one wrapped them.
    """

    newest: int
    older: int
    unreadable: int
    unbound: int = 0


def get_key_status() -> KeyStatus:
    """Try to unwrap every stored key (of users and the server) with the configured master keys."""
    masters = [Fernet(key) for key in settings.FIELD_ENCRYPTION_KEY]
    counts = {"newest": 0, "older": 0, "unreadable": 0, "unbound": 0}
    for model, row_id, wrapped in _fetch_wrapped_keys():
        index, content = _unwrap(masters, wrapped)
        if content is None or not _is_in_its_row(content, model, row_id):
            counts["unreadable"] += 1
            continue
        counts["older" if index else "newest"] += 1
        counts["unbound"] += BINDING_MARK not in content
    return KeyStatus(**counts)


def rewrap_all_keys() -> int:
    """Wrap every stored key with the newest master key, bound to its row, in one transaction; return their number.

    No text changes. Raises WrongMasterKeys, and changes nothing, if a key cannot be opened or belongs to another row.
    """
    masters = [Fernet(key) for key in settings.FIELD_ENCRYPTION_KEY]
    with transaction.atomic(), connection.cursor() as cursor:
        rows = _fetch_wrapped_keys(for_update=True)
        for model, row_id, wrapped in rows:
            _, content = _unwrap(masters, wrapped)
            if content is None or not _is_in_its_row(content, model, row_id):
                raise WrongMasterKeys(f"{model._meta.label} {row_id} cannot be decrypted in its row.")
            secret = content.partition(BINDING_MARK)[0]
            fresh = masters[0].encrypt(_bind_key(secret, model, row_id).encode()).decode()
            table, key = model._meta.db_table, model._meta.pk.column
            cursor.execute(f"update {table} set wrapped = %s where {key} = %s", [fresh, row_id])  # noqa: S608 # nosec B608
    return len(rows)


def _fetch_wrapped_keys(*, for_update: bool = False) -> list[tuple[KeyModel, UUID | int, str]]:
    """Return (model, id, ciphertext) of every wrapped key. The model's field would raise for an unreadable one."""
    rows: list[tuple[KeyModel, UUID | int, str]] = []
    with connection.cursor() as cursor:
        for model in (PersonKey, ServerKey):
            table, key = model._meta.db_table, model._meta.pk.column
            lock = f"order by {key} for update" if for_update else ""
            cursor.execute(f"select {key}, wrapped from {table} {lock}")  # noqa: S608 # nosec B608
            rows += [(model, row_id, wrapped) for row_id, wrapped in cursor.fetchall()]
    return rows


def _unwrap(masters: list[Fernet], wrapped: str) -> tuple[int, str | None]:
    """Return the number of the master key that opens this, and the content; None as content if none does."""
    for index, master in enumerate(masters):
        with suppress(InvalidToken):
            return index, master.decrypt(wrapped.encode()).decode()
    return -1, None


# --- Private ------------------------------------------------------------------------------------------


def _generate_key(model: KeyModel, row_id: UUID | int) -> str:
    return _bind_key(base64.b64encode(os.urandom(KEY_BYTES)).decode(), model, row_id)


def _bind_key(secret: str, model: KeyModel, row_id: UUID | int) -> str:
    # After the padding of base64, where releases that know no binding stop reading.
    return f"{secret}{BINDING_MARK}{model._meta.db_table}{BINDING_MARK}{row_id}"


def _is_in_its_row(content: str, model: KeyModel, row_id: UUID | int) -> bool:
    """Return whether the content names this row, or none."""
    secret, mark, _ = content.partition(BINDING_MARK)
    return not mark or content == _bind_key(secret, model, row_id)


def _decode_data_key(content: str, model: KeyModel, row_id: UUID | int) -> DataKey:
    encoded = content.partition(BINDING_MARK)[0]
    if content != _bind_key(encoded, model, row_id):
        raise DecryptError(f"the data key of {model._meta.label} {row_id} belongs to another row, or to none")
    secret = base64.b64decode(encoded)
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
