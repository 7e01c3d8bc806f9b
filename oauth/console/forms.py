"""Forms of the developer console: an app, and the steps of the playground."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from oauth import client_names
from oauth.console.playground import API_CALLS


class AppChangeForm(forms.Form):
    """The settings of an app. Redirect URLs are checked while they are typed."""

    name = forms.CharField(
        label=_("Name"),
        max_length=client_names.MAX_CHARACTERS,
        help_text=_("Shown to users when the app requests access."),
    )
    redirect_uris = forms.CharField(
        label=_("Redirect URLs"),
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "spellcheck": "false",
                "hx-post": reverse_lazy("oauth:look_at_addresses"),
                "hx-trigger": "input changed delay:400ms",
                "hx-target": "#addresses-said",
            }
        ),
        required=False,
        help_text=_(
            "One per line. They must match exactly. http is only allowed for loopback addresses, with any port."
        ),
    )
    device_flow = forms.BooleanField(
        label=_("Device flow"),
        required=False,
        help_text=_(
            "For apps on devices without a browser, such as command lines: the user enters a code on another device. "
            "Redirect URLs are then optional."
        ),
    )


class AppForm(AppChangeForm):
    """The form to register an app."""

    is_public = forms.BooleanField(
        label=_("Public client (cannot keep a secret)"),
        required=False,
        help_text=_("For desktop, mobile and browser apps. They use PKCE without a client secret."),
    )


class PlaygroundScopesForm(forms.Form):
    """The scopes to request in the playground."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Select at least one scope.")},
    )

    def __init__(self, data: Any = None, *, scopes: Sequence[str], initial: Sequence[str] = ()) -> None:
        super().__init__(data, initial={"scopes": list(initial)})
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(scope, scope) for scope in scopes]


class PlaygroundSecretForm(forms.Form):
    """The client secret of a confidential app, used for a single request."""

    client_secret = forms.CharField(
        label=_("Client secret"),
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_(
            "Only a hash of the secret is stored, so enter it here. It is used for this request and not saved."
        ),
    )


class PlaygroundCallForm(forms.Form):
    """A call to the REST API."""

    call = forms.ChoiceField(
        label=_("Call"), choices=[(name, call.label) for name, call in API_CALLS.items()]
    )
    text = forms.CharField(
        label=_("Text"),
        max_length=500,
        required=False,
        help_text=_("The search query, or the text of the new memory."),
    )
