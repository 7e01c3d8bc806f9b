"""Settings of django-allauth (sign-up, log-in, two-factor authentication) and of the cache for its rate limits."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

CODE_VALID_S = 3_600  # of a code that was sent to an address, and of the log-in that waits for it


def build_cache_settings() -> dict[str, object]:
    """Return CACHES: one database cache for all processes, with rate limits of log-ins and used TOTP codes.

    With Django's default of 300 entries, an attacker could evict those. The worker purges expired entries.
    """
    backend = "django.core.cache.backends.db.DatabaseCache"
    return {
        "default": {"BACKEND": backend, "LOCATION": "shared_cache", "OPTIONS": {"MAX_ENTRIES": 1_000_000}}
    }


def build_login_settings(public_url: str, *, has_mail: bool) -> dict[str, Any]:
    """Return all ACCOUNT_* and MFA_* settings. Without a mail server no e-mail address can be verified."""
    return {
        "ACCOUNT_ADAPTER": "accounts.login.adapter.AccountAdapter",
        "ACCOUNT_FORMS": {
            "signup": "accounts.login.signup_form.SignupForm",
            "change_password": "accounts.login.password_form.ChangePasswordForm",
            "reset_password": "accounts.login.address_forms.ResetPasswordForm",
            "confirm_email_verification_code": "accounts.login.address_forms.ConfirmAddressForm",
        },
        "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
        "ACCOUNT_LOGIN_METHODS": {"email"},
        "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
        "ACCOUNT_LOGOUT_REDIRECT_URL": "/",
        "ACCOUNT_SESSION_REMEMBER": True,
        "ACCOUNT_PREVENT_ENUMERATION": True,
        "ACCOUNT_REAUTHENTICATION_REQUIRED": True,
        "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE": False,
        "ACCOUNT_EMAIL_VERIFICATION": "mandatory" if has_mail else "none",
        # By code: an address that is not confirmed yet is stored in the session only, never as a row.
        "ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED": has_mail,
        "ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS": 5,
        "ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT": CODE_VALID_S,
        "ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND": True,
        "ACCOUNT_LOGIN_TIMEOUT": CODE_VALID_S,
        "ACCOUNT_MAX_EMAIL_ADDRESSES": 2 if has_mail else 1,
        # Not by address, or strangers could keep its owner from these pages.
        "ACCOUNT_RATE_LIMITS": {
            "reset_password": "20/m/ip",
            "confirm_email": "20/m/ip",
            "manage_email": "10/m/user,50/d/user",
        },
        "ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL": "/accounts/email/",
        "SOCIALACCOUNT_ADAPTER": "accounts.login.openid.adapter.OpenIDAdapter",
        "MFA_ADAPTER": "accounts.login.mfa_adapter.SecondFactorAdapter",
        "MFA_ALLOW_UNVERIFIED_EMAIL": not has_mail,
        **_build_passkey_settings(get_passkey_rp_id(public_url)),
    }


def get_passkey_rp_id(public_url: str) -> str:
    """Return the host name that passkeys are bound to (WebAuthn's RP ID), empty for an IP address.

    A loopback address becomes `localhost`.
    """
    host = urlsplit(public_url).hostname or ""
    try:
        return "localhost" if ip_address(host).is_loopback else ""
    except ValueError:
        return host


def _build_passkey_settings(host: str) -> dict[str, object]:
    return {
        "MFA_SUPPORTED_TYPES": ["recovery_codes", "totp", *(["webauthn"] if host else [])],
        "MFA_PASSKEY_LOGIN_ENABLED": bool(host),
        # For every challenge: a response without user verification could otherwise be used to log in by passkey.
        "MFA_WEBAUTHN_USER_VERIFICATION": "required",
        "MFA_FORMS": {"add_webauthn": "accounts.login.passkey_form.AddPasskeyForm"},
    }
