"""django-encrypted-model-fields, made strict: for the few secrets that the master keys seal directly."""

from cryptography.fernet import InvalidToken
from django.core.exceptions import FieldError
from encrypted_model_fields import fields as package


class DecryptError(Exception):
    """Stored ciphertext does not open: a wrong key, or somebody changed it. Never answered with ciphertext."""


class StrictEncryptedTextField(package.EncryptedTextField):  # type: ignore[misc]
    """Text under the master keys (settings.FIELD_ENCRYPTION_KEY).

    The package's field decrypts what a person typed, hands out ciphertext under a wrong key, and encrypts the
    repr of SQL expressions. This one does none of it. Raises DecryptError on reading, FieldError on misuse.
    """

    def to_python(self, value: object) -> object:
        return value  # never decrypt input: a pasted ciphertext would be read back to its thief

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        if value is None:
            return None
        try:
            opened: str = package.decrypt_str(value)
        except InvalidToken:
            raise DecryptError(f"{self.model._meta.label}.{self.name} does not open") from None
        return opened

    def get_db_prep_save(self, value: object, connection: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise FieldError(f"{self.name}: only text can be sealed, not an SQL expression")
        sealed: bytes = package.encrypt_str(value)
        return sealed.decode()

    def get_lookup(self, lookup_name: str) -> object:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
