"""The form to sign up, and the one that asks for the code sent to the address."""

from allauth.account.forms import BaseConfirmCodeForm
from allauth.account.forms import SignupForm as AllauthsForm
from allauth.core.ratelimit import respond_429
from django.http import HttpRequest, HttpResponse

from accounts.login import pending_signup
from accounts.mail import addresses
from accounts.models import User
from accounts.rate_limits import RateLimitExceeded


class SignupForm(AllauthsForm):  # type: ignore[misc]
    """django-allauth's form. If addresses must be confirmed, no account exists until then."""

    def validate_unique_email(self, value: str) -> str:
        if addresses.is_confirmation_required():
            return value  # only the e-mail tells whether the address has an account
        email: str = super().validate_unique_email(value)
        return email

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Return the new user, or the response that asks to confirm the address."""
        if not addresses.is_confirmation_required():
            saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
            return saved
        data = self.cleaned_data
        try:
            return None, pending_signup.start_signup(request, email=data["email"], password=data["password1"])
        except RateLimitExceeded:
            return None, respond_429(request)


class SignupCodeForm(BaseConfirmCodeForm):  # type: ignore[misc]
    """The code that was sent to the new user's address."""
