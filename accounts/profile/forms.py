"""Forms about the person."""

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.consent import chat as chat_consent
from accounts.consent import embeddings as embedding_consent
from accounts.models import User
from accounts.profile import service as profiles

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "picard_theme"


def list_time_zones() -> list[str]:
    """The names worth offering: places, and UTC."""
    places = {
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    }
    return ["UTC", *sorted(places)]


# What leaves this machine after a person's yes: the field that asks, whose yes it is, and the column that keeps it.
CONSENTS = {
    "words_my_answers": (chat_consent, "chat_provider"),
    "embeds_my_memories": (embedding_consent, "embedding_provider"),
}

if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
else:
    UserForm = forms.ModelForm


class ProfileForm(UserForm):
    """How a person is called, and whether others may ask their persona."""

    words_my_answers = forms.BooleanField(required=False)
    embeds_my_memories = forms.BooleanField(required=False)

    class Meta:
        model = User
        fields = [
            *("display_name", "handle", "bio", "persona_enabled", "public_page_enabled", "time_zone"),
            "shortcuts_enabled",
        ]
        widgets = {
            "display_name": forms.TextInput(attrs={"autocomplete": "name"}),
            "handle": forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
            "bio": forms.Textarea(attrs={"rows": 3}),
            "time_zone": forms.TextInput(attrs={"list": "time-zones", "spellcheck": "false"}),
        }
        labels = {
            "persona_enabled": _("Let others ask my persona"),
            "public_page_enabled": _("Open a page for everybody"),
            "shortcuts_enabled": _("Use keyboard shortcuts"),
        }
        help_texts = {
            "display_name": _("Shown instead of your handle. May stay empty."),
            "bio": _("One or two sentences about you."),
            "public_page_enabled": _(
                "Anybody who knows your handle may ask there, without an account. Only while others may ask at all."
            ),
            "time_zone": _("Times on your pages are shown in it."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # The words beside the field say what is too long; nothing is cut off silently while typing.
            field.widget.attrs.pop("maxlength", None)
        for name, (consent, _column) in CONSENTS.items():
            if consent.is_consent_required():
                asked = self.fields[name]
                asked.label, asked.help_text = consent.get_consent_label(), consent.get_consent_help_text()
                self.initial[name] = consent.has_consented(self.instance)
            else:
                del self.fields[name]

    def save(self, commit: bool = True) -> User:
        columns = [name for name in self._meta.fields or () if name in self.fields]
        for name, (consent, column) in CONSENTS.items():
            if name in self.fields:
                consent.assign_consent(self.instance, yes=self.cleaned_data[name])
                columns.append(column)
        # No other column: it would put back a password that was changed, or an account that was closed, meanwhile.
        profiles.save_profile(self.instance, columns)
        if self.cleaned_data.get("embeds_my_memories"):
            embedding_consent.consent_given.send(User, person=self.instance)
        return self.instance


class ThemeForm(forms.Form):
    """A theme, and where the person was when choosing it."""

    theme = forms.ChoiceField(choices=[(theme, theme) for theme in THEMES])
    next = forms.CharField(required=False)
