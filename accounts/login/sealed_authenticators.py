"""The data of second factors, encrypted and bound to its user and kind.

django-allauth's model holds secrets of authenticator apps, seeds of recovery codes and public keys of passkeys as JSON.
The column keeps `{"sealed": base64}` instead: AES-GCM under a sub-key of the server's data key, with
`mfa_authenticator.data|user|type` as associated data. So one user's second factor is worth nothing in another's row,
and nobody who can only write to the database can add a passkey.
"""

import json
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.core.exceptions import FieldError
from django.db import connection, models, transaction

from accounts.fields import DecryptError
from accounts.keys import get_server_key
from core.crypto import seal_to_text, unseal_text

SEALED = "sealed"
BOUND_TO_EARLIER = b"mfa_authenticator"  # single values of it, before they were bound to their row
SECRETS_SEALED_EARLIER = ("secret", "seed")


class StoredData(dict[str, Any]):
    """The column's value as the database has it. Its repr hides the ciphertext."""

    def __repr__(self) -> str:
        return "<sealed>"


class SealedDataField(models.JSONField):
    """Replaces the model's JSON field. Only `save()` and `bulk_create()` encrypt; `update()` raises FieldError."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> StoredData | None:
        stored = super().from_db_value(value, expression, connection)
        return None if stored is None else StoredData(stored)

    def pre_save(self, model_instance: models.Model, add: bool) -> StoredData:
        value = model_instance.__dict__[self.attname]
        return value if isinstance(value, StoredData) else seal_data(model_instance, value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if not isinstance(value, StoredData):
            raise FieldError(f"{self.name}: only save() and bulk_create() can encrypt; plaintext is rejected")
        return super().get_db_prep_save(value, connection)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        # As Django's field, so that django-allauth needs no new migration.
        return name, "django.db.models.JSONField", args, kwargs


class _SealedDataDescriptor:
    """The model's attribute: decrypted on first access."""

    def __get__(self, row: models.Model | None, _: type | None = None) -> Any:
        if row is None:
            return self
        if "data" not in row.__dict__:  # a deferred column
            row.refresh_from_db(fields=["data"])
        value = row.__dict__["data"]
        if isinstance(value, StoredData):
            value = row.__dict__["data"] = open_data(row, value)
        return value

    def __set__(self, row: models.Model, value: Any) -> None:
        row.__dict__["data"] = value


def install_sealed_data_field() -> None:
    """Replace the field of django-allauth's model, which has no setting for that."""
    Authenticator._meta.get_field("data").__class__ = SealedDataField
    Authenticator.data = _SealedDataDescriptor()


def seal_data(row: Any, data: dict[str, Any]) -> StoredData:
    content = json.dumps(data).encode()
    associated = _get_associated_data(row.user_id, row.type)
    return StoredData({SEALED: seal_to_text(get_server_key().mfa_cipher, content, associated)})


def open_data(row: Any, stored: StoredData) -> dict[str, Any]:
    """Return the plain data. Raises DecryptError if it is not encrypted, or belongs to another user or kind."""
    associated = _get_associated_data(row.user_id, row.type)
    try:
        content = unseal_text(get_server_key().mfa_cipher, str(stored.get(SEALED, "")), associated)
    except (ValueError, InvalidTag):
        raise DecryptError(f"the data of authenticator {row.pk} cannot be decrypted") from None
    data: dict[str, Any] = json.loads(content)
    return data


def count_unbound_authenticators() -> int:
    """Return how many rows release 0.2.0 or an older one wrote, whose data is not bound to them."""
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from mfa_authenticator where not data ? %s", [SEALED])
        return int(cursor.fetchone()[0])


def bind_authenticators() -> int:
    """Encrypt the data of every row of an earlier release, bound to its row; return their number.

    Raises DecryptError, and changes nothing, if a secret in them cannot be decrypted.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select id, user_id, type, data::text from mfa_authenticator where not data ? %s for update",
            [SEALED],
        )
        rows = cursor.fetchall()
        for row_id, user_id, kind, data in rows:
            row = Authenticator(pk=row_id, user_id=user_id, type=kind)
            sealed = seal_data(row, _open_secrets_sealed_earlier(json.loads(data)))
            cursor.execute(
                "update mfa_authenticator set data = %s where id = %s", [json.dumps(dict(sealed)), row_id]
            )
    return len(rows)


def _open_secrets_sealed_earlier(data: dict[str, Any]) -> dict[str, Any]:
    try:
        return data | {
            name: unseal_text(get_server_key().mfa_cipher, data[name], BOUND_TO_EARLIER).decode()
            for name in SECRETS_SEALED_EARLIER
            if name in data
        }
    except (ValueError, InvalidTag):
        raise DecryptError("the secret of an authenticator cannot be decrypted") from None


def _get_associated_data(user_id: object, kind: str) -> bytes:
    return f"mfa_authenticator.data|{user_id}|{kind}".encode()
