"""Forms about e-mail addresses: reset the password by one, confirm one by a code."""

from allauth.account.adapter import get_adapter
from allauth.account.forms import BaseConfirmCodeForm
from allauth.account.forms import ResetPasswordForm as AllauthsResetForm
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.login import watched_email
from accounts.mail import addresses, emails
from accounts.models import User
from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit

# E-mails to one address. The page does not show that one is reached, or strangers could learn who asked. They cannot
# keep the owner from resetting: the links in the e-mails that were sent work for three days (PASSWORD_RESET_TIMEOUT).
RESET_LIMITS = (RateLimit("password_reset", 5, 600.0), RateLimit("password_reset_day", 10, 86_400.0))


class ResetPasswordForm(AllauthsResetForm):  # type: ignore[misc]
    """Does the same whether the address has an account or not: only the e-mail tells."""

    def clean_email(self) -> str:
        email: str = get_adapter().clean_email(self.cleaned_data["email"].lower())
        return email

    def save(self, request: HttpRequest, **_: object) -> str:
        email: str = self.cleaned_data["email"]
        try:
            for limit in RESET_LIMITS:
                enforce_rate_limit(limit, salted_hmac("password reset", email).hexdigest())
        except RateLimitExceeded:
            return email  # its owner has the e-mails that were sent before
        watched_email.watch_email(request, emails.send_password_reset(email))
        return email


class ConfirmAddressForm(BaseConfirmCodeForm):  # type: ignore[misc]
    """The code that was sent to the address of an account. Only another account's confirmed address is taken."""

    def __init__(self, *args: object, user: User | None = None, email: str = "", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.email = user, email

    def clean_code(self) -> str:
        code: str = super().clean_code()
        owner = addresses.find_account(self.email)
        if self.user is None or (owner is not None and owner != self.user):
            raise get_adapter().validation_error("email_taken")
        return code
