"""The form by which a person adds a passkey; their browser fills in the credential."""

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.utils.translation import gettext_lazy as _


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """django-allauth's, where every key is one to log in with: it has checked its person by PIN, finger or face."""

    passwordless = forms.BooleanField(initial=True, widget=forms.HiddenInput)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["name"]
        name.label = _("Name")
        name.max_length = 60
        name.help_text = _("So that you know it again: the device, or the password manager.")
