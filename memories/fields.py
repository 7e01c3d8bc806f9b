"""Encrypted model fields: the only place where text is encrypted and decrypted.

AES-256-GCM under the owner's text key, bound to its location: `version (1 byte) | nonce (12) | ciphertext | tag (16)`
with `table.column|owner|row id` as associated data. A value moved to another row, owner or column fails to decrypt.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.core.exceptions import FieldError
from django.db import DEFAULT_DB_ALIAS, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelState

from accounts.keys import get_person_key
from core.crypto import seal_bytes, unseal_bytes
from memories.errors import SealedTextError
from memories.owned import Owned

Row = TypeVar("Row", bound=models.Model)

VERSION = b"\x01"
LENGTH_BYTES = 4
SMALLEST_BUCKET = 32


class SealedBytes(bytes):
    """Ciphertext as stored in the database. Its repr hides the bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<sealed>"

    __str__ = __repr__


def get_padded_length(length: int) -> int:
    """Return the padded length of a text of `length` bytes, so that its size reveals little.

    Padmé (Nikitin et al., PETS 2019): at most 12 % overhead, and only O(log log length) bits of the length leak.
    """
    if length <= SMALLEST_BUCKET:
        return SMALLEST_BUCKET
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


class _SealedTextDescriptor:
    """The attribute of a sealed field: ciphertext that is decrypted on first access."""

    def __init__(self, field: "SealedTextField") -> None:
        self.field = field

    @overload
    def __get__(self, row: None, _: type | None = None) -> Self: ...

    @overload
    def __get__(self, row: models.Model, _: type | None = None) -> str | None: ...

    def __get__(self, row: models.Model | None, _: type | None = None) -> Self | str | None:
        if row is None:
            return self
        name = self.field.attname
        if name not in row.__dict__:  # a deferred column
            row.refresh_from_db(fields=[name])
        value: str | SealedBytes | None = row.__dict__[name]
        if isinstance(value, SealedBytes):
            value = row.__dict__[name] = self.field.open(row, value)
        return value

    def __set__(self, row: models.Model, value: str | None) -> None:
        row.__dict__[self.field.attname] = value


if TYPE_CHECKING:
    _BinaryField = models.BinaryField["str | SealedBytes", str]
else:
    _BinaryField = models.BinaryField


class SealedTextField(_BinaryField):
    """Text that is stored encrypted. The row needs `owner_id` and a primary key before it is saved.

    Only `save()` and `bulk_create()` encrypt. Everything else that would need the plaintext in SQL
    (`update()`, `bulk_update()`, every lookup but `isnull`, `dumpdata`) raises FieldError.
    Reading raises SealedTextError if the value cannot be decrypted.
    """

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _SealedTextDescriptor(self))

    def seal(self, row: models.Model, text: str) -> SealedBytes:
        if not isinstance(text, str):
            raise FieldError(f"{self.name}: only text can be encrypted, not an SQL expression")
        plain = text.encode()
        framed = len(plain).to_bytes(LENGTH_BYTES, "big") + plain
        framed += b"\0" * (get_padded_length(len(framed)) - len(framed))
        return SealedBytes(
            VERSION
            + seal_bytes(
                get_person_key(self._owner_id(row)).text_cipher, framed, self._build_associated_data(row)
            )
        )

    def open(self, row: models.Model, sealed: SealedBytes) -> str:
        if sealed[:1] != VERSION:
            raise SealedTextError(f"{self._describe_row(row)} has an unknown format version")
        try:
            framed = unseal_bytes(
                get_person_key(self._owner_id(row)).text_cipher, sealed[1:], self._build_associated_data(row)
            )
        except (InvalidTag, ValueError):  # ValueError: shorter than nonce and tag
            raise SealedTextError(f"{self._describe_row(row)} cannot be decrypted") from None
        end = LENGTH_BYTES + int.from_bytes(framed[:LENGTH_BYTES], "big")
        return framed[LENGTH_BYTES:end].decode()

    def _build_associated_data(self, row: models.Model) -> bytes:
        return f"{row._meta.db_table}.{self.column}|{self._owner_id(row)}|{row.pk}".encode()

    def _owner_id(self, row: models.Model) -> UUID:
        return cast(Owned, row).owner_id

    def _describe_row(self, row: models.Model) -> str:
        return f"{row._meta.label}.{self.name} of {row.pk}"

    # --- Django's field interface -------------------------------------------------------------------

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> SealedBytes | None:
        return None if value is None else SealedBytes(value)

    def to_python(self, value: object) -> object:
        return value

    def pre_save(self, model_instance: models.Model, add: bool) -> SealedBytes | None:
        value = model_instance.__dict__.get(self.attname)
        # Ciphertext that was never decrypted is written back unchanged.
        return value if value is None or isinstance(value, SealedBytes) else self.seal(model_instance, value)

    def get_db_prep_save(self, value: object, connection: BaseDatabaseWrapper) -> object:
        if value is None:
            return None
        if not isinstance(value, SealedBytes):
            raise FieldError(f"{self.name}: only save() and bulk_create() can encrypt; plaintext is rejected")
        return super().get_db_prep_value(bytes(value), connection, prepared=False)

    def get_placeholder(self, value: object, compiler: object, connection: BaseDatabaseWrapper) -> str:
        if hasattr(value, "as_sql"):
            raise FieldError(f"{self.name}: an SQL expression cannot be encrypted")
        return "%s"

    def get_lookup(self, lookup_name: str) -> "type[models.Lookup[object]] | None":
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> None:
        return None

    def value_to_string(self, obj: models.Model) -> str:
        raise FieldError(f"{self.name} is encrypted: use the export, not dumpdata")

    def formfield(self, **_: object) -> None:
        """Return no form field, so that no model form or admin page can show or edit the text."""
        return


def get_sealed_bytes(row: models.Model, name: str) -> bytes:
    """Return what `save()` would store for this encrypted field of a row, for handwritten SQL."""
    field = row._meta.get_field(name)
    if not isinstance(field, SealedTextField):
        raise FieldError(f"{name} is not an encrypted field")
    return bytes(cast(SealedBytes, field.pre_save(row, add=True)))


def build_stored_row(model: type[Row], names: Sequence[str], values: Iterable[Any]) -> Row:
    """Build a model instance from these columns as the ORM would, for handwritten SQL.

    Other columns are deferred. Without the model's constructor and its signals, which take most of the time.
    """
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    columns = row.__dict__
    columns.update(zip(names, values, strict=True))
    for name in _get_sealed_names(model):
        if (value := columns.get(name)) is not None:
            columns[name] = SealedBytes(value)
    return row


@lru_cache(maxsize=32)
def _get_sealed_names(model: type[models.Model]) -> frozenset[str]:
    fields = model._meta.concrete_fields
    return frozenset(field.attname for field in fields if isinstance(field, SealedTextField))
