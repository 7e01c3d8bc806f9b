"""Settings of django-allauth (sign-up, log-in, two-factor authentication) and of the cache for its rate limits."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit


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
        "ACCOUNT_FORMS": {"change_password": "accounts.login.password_form.ChangePasswordForm"},
        "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
        "ACCOUNT_LOGIN_METHODS": {"email"},
        "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
        "ACCOUNT_LOGOUT_REDIRECT_URL": "/",
        "ACCOUNT_SESSION_REMEMBER": True,
        "ACCOUNT_PREVENT_ENUMERATION": True,
        "ACCOUNT_REAUTHENTICATION_REQUIRED": True,
        "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE": False,
        "ACCOUNT_EMAIL_VERIFICATION": "mandatory" if has_mail else "none",
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
