"""What django-allauth keeps for second factors, sealed at rest under a sub-key of the server's own data key."""

import base64
import os

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.exceptions import InvalidTag

from accounts.fields import DecryptError
from accounts.keys import server_key

NONCE_BYTES = 12
BOUND_TO = b"mfa_authenticator"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps and seeds of recovery codes. The master keys rotate without touching them."""

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

    def get_totp_issuer(self) -> str:
        return "Picard"
