"""Forms for the profile and the theme."""

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.consent import chat as chat_consent
from accounts.consent import embeddings as embedding_consent
from accounts.models import User
from accounts.profile import service as profiles
from core import languages

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "picard_theme"


def list_time_zones() -> list[str]:
    """Return the time zones to choose from: UTC and those named after places."""
    places = {
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    }
    return ["UTC", *sorted(places)]


class LanguageSelect(forms.Select):
    """A select of languages, each with its name in the language itself."""

    OWN_NAMES = {**languages.NAMES, **dict(settings.LANGUAGES)}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value in self.OWN_NAMES:
            option["attrs"] |= {"lang": value, "dir": "auto"}
        return option


def list_page_languages() -> list[tuple[str, str]]:
    return [("", str(_("The language of your browser"))), *settings.LANGUAGES]


def list_languages() -> list[tuple[str, str]]:
    """Return code and name of each language to choose from, first the server's default (no code)."""
    names = {**languages.NAMES, languages.SEVERAL: str(_("Several languages"))}
    default = _("%(language)s (default)") % {"language": names[languages.get_default_code()]}
    return [("", default), (languages.SEVERAL, names[languages.SEVERAL]), *languages.NAMES.items()]


# By form field: the module of the consent, and the column that stores it.
CONSENTS = {
    "words_my_answers": (chat_consent, "chat_provider"),
    "embeds_my_memories": (embedding_consent, "embedding_provider"),
}

if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
else:
    UserForm = forms.ModelForm


class ProfileForm(UserForm):
    """The user's profile, persona and consents."""

    words_my_answers = forms.BooleanField(required=False)
    embeds_my_memories = forms.BooleanField(required=False)

    class Meta:
        model = User
        fields = [
            *("display_name", "handle", "bio", "persona_enabled", "public_page_enabled", "time_zone"),
            *("page_language", "language", "shortcuts_enabled"),
        ]
        widgets = {
            "display_name": forms.TextInput(attrs={"autocomplete": "name"}),
            "handle": forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
            "bio": forms.Textarea(attrs={"rows": 3}),
            "page_language": LanguageSelect,
            "language": LanguageSelect,
            "time_zone": forms.TextInput(attrs={"list": "time-zones", "spellcheck": "false"}),
        }
        labels = {
            "page_language": _("Language"),
            "language": _("Language of your memories"),
            "persona_enabled": _("Turn on my persona"),
            "public_page_enabled": _("Turn on my public page"),
            "shortcuts_enabled": _("Use keyboard shortcuts"),
        }
        help_texts = {
            "display_name": _(
                "Optional. What Picard and your apps call you. Other people see it instead of your handle."
            ),
            "bio": _("One or two sentences about you."),
            "public_page_enabled": _(
                "Anyone who knows your handle can ask your persona there without an account, while it is turned on."
            ),
            "time_zone": _("Used for all dates and times you see."),
            "page_language": _("Of these pages, and of the e-mails you receive."),
            "language": _("Decides how search reads words. Choose several if you write in more than one."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].widget.choices = list_languages()
        self.fields["page_language"].widget.choices = list_page_languages()
        for field in self.fields.values():
            # An error message says that a text is too long; the browser must not truncate it silently.
            field.widget.attrs.pop("maxlength", None)
        for name, (consent, _column) in CONSENTS.items():
            if consent.is_consent_required():
                field = self.fields[name]
                field.label, field.help_text = consent.get_consent_label(), consent.get_consent_help_text()
                self.initial[name] = consent.has_consented(self.instance)
            else:
                del self.fields[name]

    def save(self, commit: bool = True) -> User:
        columns = [name for name in self._meta.fields or () if name in self.fields]
        for name, (consent, column) in CONSENTS.items():
            if name in self.fields:
                consent.assign_consent(self.instance, yes=self.cleaned_data[name])
                columns.append(column)
        # Only these columns, so as not to undo a concurrent password change or account closure.
        profiles.save_profile(self.instance, columns)
        if self.cleaned_data.get("embeds_my_memories"):
            embedding_consent.consent_given.send(User, person=self.instance)
        return self.instance


class PageLanguageForm(forms.Form):
    """A language of the pages, and the page to return to."""

    language = forms.ChoiceField(choices=lambda: settings.LANGUAGES)
    next = forms.CharField(required=False)


class ThemeForm(forms.Form):
    """A theme, and the page to return to."""

    theme = forms.ChoiceField(choices=[(theme, theme) for theme in THEMES])
    next = forms.CharField(required=False)
