"""What django-allauth is told: how people sign up and log in, and what a second factor may be."""

from typing import Any


def log_in_settings(*, has_mail: bool) -> dict[str, Any]:
    """All ACCOUNT_* and MFA_* settings. Without a mail server no address can be verified."""
    return {
        "ACCOUNT_ADAPTER": "accounts.adapter.AccountAdapter",
        "ACCOUNT_FORMS": {"change_password": "accounts.password_form.ChangePasswordForm"},
        "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
        "ACCOUNT_LOGIN_METHODS": {"email"},
        "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
        "ACCOUNT_LOGOUT_REDIRECT_URL": "/",
        "ACCOUNT_SESSION_REMEMBER": True,
        "ACCOUNT_PREVENT_ENUMERATION": True,
        "ACCOUNT_REAUTHENTICATION_REQUIRED": True,
        "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE": False,
        "ACCOUNT_EMAIL_VERIFICATION": "mandatory" if has_mail else "none",
        "MFA_ADAPTER": "accounts.second_factor.SecondFactorAdapter",
        "MFA_ALLOW_UNVERIFIED_EMAIL": not has_mail,
    }
