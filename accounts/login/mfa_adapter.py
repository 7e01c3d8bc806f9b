"""Two-factor authentication with django-allauth: secrets are encrypted with a sub-key of the server's data key.

Of a passkey only the public key is stored.
"""

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.utils.translation import gettext as _

from accounts.fields import DecryptError
from accounts.keys import get_server_key
from accounts.models import User
from accounts.settings import get_passkey_rp_id
from core.crypto import seal_to_text, unseal_text

BOUND_TO = b"mfa_authenticator"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts the secrets. Rotating the master keys does not change the ciphertexts."""

    def encrypt(self, text: str) -> str:
        return seal_to_text(get_server_key().mfa_cipher, text.encode(), BOUND_TO)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the plaintext. Raises DecryptError for plain text and for ciphertext of another key."""
        try:
            return unseal_text(get_server_key().mfa_cipher, encrypted_text, BOUND_TO).decode()
        except (ValueError, InvalidTag):
            raise DecryptError("the secret of an authenticator cannot be decrypted") from None

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # Not from the request: passkeys are bound to the host of PUBLIC_URL.
        return {"id": get_passkey_rp_id(settings.PUBLIC_URL), "name": "Picard"}

    def generate_authenticator_name(self, user: User, type: str) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return _("Passkey %(number)d") % {"number": count + 1}

    def get_totp_issuer(self) -> str:
        return "Picard"
