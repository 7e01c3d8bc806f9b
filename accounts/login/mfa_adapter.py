"""Two-factor authentication with django-allauth. Of a passkey only the public key is stored."""

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.settings import get_passkey_rp_id


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Names of passkeys and the site. Secrets are encrypted with their row (login/sealed_authenticators.py)."""

    def encrypt(self, text: str) -> str:
        return text

    def decrypt(self, encrypted_text: str) -> str:
        return encrypted_text

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # Not from the request: passkeys are bound to the host of PUBLIC_URL.
        return {"id": get_passkey_rp_id(settings.PUBLIC_URL), "name": "Picard"}

    def generate_authenticator_name(self, user: User, type: str) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return _("Passkey %(number)d") % {"number": count + 1}

    def get_totp_issuer(self) -> str:
        return "Picard"
