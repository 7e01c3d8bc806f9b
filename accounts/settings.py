"""What django-allauth is told: how people sign up and log in, what a second factor may be, where limits are counted."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit


def build_cache_settings() -> dict[str, object]:
    """CACHES: one for all processes, in the database. It holds the limits on log-ins and the codes that were used.

    Of Django's 300 entries anybody could make so many that those are culled. The worker purges what has expired.
    """
    backend = "django.core.cache.backends.db.DatabaseCache"
    return {
        "default": {"BACKEND": backend, "LOCATION": "shared_cache", "OPTIONS": {"MAX_ENTRIES": 1_000_000}}
    }


def build_login_settings(public_url: str, *, has_mail: bool) -> dict[str, Any]:
    """All ACCOUNT_* and MFA_* settings. Without a mail server no address can be verified."""
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
    """The host that passkeys are bound to (WebAuthn's RP ID), which must be a name; empty where there is none.

    This machine is `localhost` for them, whatever else it is called.
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
        # Of every question: an answer to one that asks for less would do for a log-in by the key alone.
        "MFA_WEBAUTHN_USER_VERIFICATION": "required",
        "MFA_FORMS": {"add_webauthn": "accounts.login.passkey_form.AddPasskeyForm"},
    }
