"""The form to change the password."""

from allauth.account.forms import ChangePasswordForm as AllauthsForm
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.sessions.revocation import disconnect_apps


class ChangePasswordForm(AllauthsForm):  # type: ignore[misc]
    """django-allauth's form with an option to disconnect all apps."""

    disconnect_apps = forms.BooleanField(
        label=_("Disconnect all apps and delete all access tokens too"),
        required=False,
        help_text=_("Choose this if somebody else may know your password. Apps must ask for access again."),
    )

    def save(self) -> None:
        super().save()
        if self.cleaned_data["disconnect_apps"]:
            disconnect_apps(self.user)
