"""The form by which a person changes their password."""

from allauth.account.forms import ChangePasswordForm as AllauthsForm
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.sessions.revocation import disconnect_apps


class ChangePasswordForm(AllauthsForm):  # type: ignore[misc]
    """django-allauth's, which also asks whether the connected apps are still wanted."""

    disconnect_apps = forms.BooleanField(
        label=_("Disconnect all apps too"),
        required=False,
        help_text=_(
            "For when somebody else may have known your password. What you allowed them is forgotten."
        ),
    )

    def save(self) -> None:
        super().save()
        if self.cleaned_data["disconnect_apps"]:
            disconnect_apps(self.user)
