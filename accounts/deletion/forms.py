"""The form that confirms the deletion of an account."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class DeleteAccountForm(forms.Form):
    """The user types their own handle, to prevent accidental deletion."""

    handle = forms.CharField(
        label=_("Your handle"),
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, handle: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own_handle = handle
        self.fields["handle"].help_text = _("To confirm, type %(handle)s") % {"handle": handle}

    def clean_handle(self) -> str:
        typed: str = self.cleaned_data["handle"].removeprefix("@").lower()
        if typed != self.own_handle:
            raise forms.ValidationError(_("This is not your handle. Type it as shown."), code="other_handle")
        return typed
