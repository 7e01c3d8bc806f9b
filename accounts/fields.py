"""A strict encrypted text field for the few secrets that the master keys encrypt directly."""

from cryptography.fernet import InvalidToken
from django.core.exceptions import FieldError
from encrypted_model_fields import fields as package


class DecryptError(Exception):
    """Stored ciphertext cannot be decrypted: the key is wrong, or the ciphertext was changed. Never show it."""


class StrictEncryptedTextField(package.EncryptedTextField):  # type: ignore[misc]
    """Text encrypted with the master keys (settings.FIELD_ENCRYPTION_KEY).

    The field of django-encrypted-model-fields decrypts user input, returns ciphertext under a wrong key, and encrypts
    the repr of SQL expressions. This one does not. Reading raises DecryptError, misuse FieldError.
    """

    def to_python(self, value: object) -> object:
        return value  # never decrypt input: it would decrypt stolen ciphertext for whoever pastes it

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        if value is None:
            return None
        try:
            plaintext: str = package.decrypt_str(value)
        except InvalidToken:
            raise DecryptError(f"{self.model._meta.label}.{self.name} cannot be decrypted") from None
        return plaintext

    def get_db_prep_save(self, value: object, connection: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise FieldError(f"{self.name}: only text can be encrypted, not an SQL expression")
        ciphertext: bytes = package.encrypt_str(value)
        return ciphertext.decode()

    def get_lookup(self, lookup_name: str) -> object:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
