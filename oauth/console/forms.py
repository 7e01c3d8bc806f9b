"""Forms of the developer console: an app, and the steps of the playground."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from oauth import client_names
from oauth.console.playground import API_CALLS


class AppChangeForm(forms.Form):
    """What a developer says of their app. Its addresses are looked at while they are typed."""

    name = forms.CharField(
        label=_("Name"),
        max_length=client_names.MAX_CHARACTERS,
        help_text=_("People see it when they are asked."),
    )
    redirect_uris = forms.CharField(
        label=_("Redirect addresses"),
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "spellcheck": "false",
                "hx-post": reverse_lazy("oauth:look_at_addresses"),
                "hx-trigger": "input changed delay:400ms",
                "hx-target": "#addresses-said",
            }
        ),
        help_text=_(
            "One a line, compared letter by letter. http only on one's own machine, where any port will do."
        ),
    )


class AppForm(AppChangeForm):
    """An app that somebody registers."""

    is_public = forms.BooleanField(
        label=_("It cannot keep a secret"),
        required=False,
        help_text=_(
            "Programs on people's own machines and in browsers. They prove themselves by PKCE alone."
        ),
    )


class PlaygroundScopesForm(forms.Form):
    """What a trial asks for."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )

    def __init__(self, data: Any = None, *, scopes: Sequence[str], initial: Sequence[str] = ()) -> None:
        super().__init__(data, initial={"scopes": list(initial)})
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(scope, scope) for scope in scopes]


class PlaygroundSecretForm(forms.Form):
    """The secret of an app that has one: used for this one request."""

    client_secret = forms.CharField(
        label=_("Client secret"),
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_(
            "Only a digest of it is kept here, so your app's own must be given. It is used once and not kept."
        ),
    )


class PlaygroundCallForm(forms.Form):
    """One call of the REST API."""

    call = forms.ChoiceField(
        label=_("Call"), choices=[(name, call.label) for name, call in API_CALLS.items()]
    )
    text = forms.CharField(
        label=_("Text"),
        max_length=500,
        required=False,
        help_text=_("What to search for, or to remember."),
    )
