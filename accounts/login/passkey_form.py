"""The form to add a passkey. The browser fills in the credential."""

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.utils.translation import gettext_lazy as _


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """django-allauth's form. Every passkey verifies its user (PIN, fingerprint, face), so each can log in."""

    passwordless = forms.BooleanField(initial=True, widget=forms.HiddenInput)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["name"]
        name.label = _("Name")
        name.max_length = 60
        name.help_text = _("For example, your device or password manager.")
