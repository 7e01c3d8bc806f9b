"""What django-allauth keeps for second factors: secrets lie sealed under a sub-key of the server's own data key.

Of a passkey it keeps the public key alone, which opens nothing.
"""

import base64
import os

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.utils.translation import gettext as _

from accounts.fields import DecryptError
from accounts.keys import server_key
from accounts.models import User
from accounts.settings import host_of_passkeys

NONCE_BYTES = 12
BOUND_TO = b"mfa_authenticator"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Our word in its flows. The master keys rotate without touching what it sealed."""

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = server_key().second_factors.encrypt(nonce, text.encode(), BOUND_TO)
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises DecryptError: planted plain text or ciphertext of another key is never answered."""
        try:
            stored = base64.b64decode(encrypted_text, validate=True)
            opened = server_key().second_factors.decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], BOUND_TO)
        except (ValueError, InvalidTag):
            raise DecryptError("a second factor's secret does not open") from None
        return opened.decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # Not from the request: a passkey holds for the site's one name.
        return {"id": host_of_passkeys(settings.PUBLIC_URL), "name": "Picard"}

    def generate_authenticator_name(self, user: User, type: str) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return _("Passkey %(number)d") % {"number": count + 1}

    def get_totp_issuer(self) -> str:
        return "Picard"
