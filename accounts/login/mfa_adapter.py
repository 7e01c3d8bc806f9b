"""What django-allauth keeps for second factors: secrets lie sealed under a sub-key of the server's own data key.

Of a passkey it keeps the public key alone, which opens nothing.
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
    """Our word in its flows. The master keys rotate without touching what it sealed."""

    def encrypt(self, text: str) -> str:
        return seal_to_text(get_server_key().mfa_cipher, text.encode(), BOUND_TO)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises DecryptError: planted plain text or ciphertext of another key is never answered."""
        try:
            return unseal_text(get_server_key().mfa_cipher, encrypted_text, BOUND_TO).decode()
        except (ValueError, InvalidTag):
            raise DecryptError("a second factor's secret does not open") from None

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # Not from the request: a passkey holds for the site's one name.
        return {"id": get_passkey_rp_id(settings.PUBLIC_URL), "name": "Picard"}

    def generate_authenticator_name(self, user: User, type: str) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return _("Passkey %(number)d") % {"number": count + 1}

    def get_totp_issuer(self) -> str:
        return "Picard"
