"""The form to sign up, and the one that asks for the code sent to the address."""

from allauth.account.forms import BaseConfirmCodeForm
from allauth.account.forms import SignupForm as AllauthsForm
from allauth.core.ratelimit import respond_429
from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.login import pending_signup
from accounts.mail import addresses
from accounts.models import MAX_NAME_CHARACTERS, User
from accounts.rate_limits import RateLimitExceeded
from core.visible_text import clean_text


class SignupForm(AllauthsForm):  # type: ignore[misc]
    """django-allauth's form and a name. If addresses must be confirmed, no account exists until then."""

    display_name = forms.CharField(
        label=_("Name (optional)"),
        required=False,
        max_length=MAX_NAME_CHARACTERS,
        help_text=_(
            "What Picard and your apps call you. Other people see it only if you turn on your persona."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def clean_display_name(self) -> str:
        return clean_text(self.cleaned_data["display_name"])

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
            response = pending_signup.start_signup(
                request, email=data["email"], password=data["password1"], display_name=data["display_name"]
            )
            return None, response
        except RateLimitExceeded:
            return None, respond_429(request)


class SignupCodeForm(BaseConfirmCodeForm):  # type: ignore[misc]
    """The code that was sent to the new user's address."""
