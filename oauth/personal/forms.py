"""The forms to create and to regenerate a personal access token."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from oauth import client_names
from oauth.access.grants import GrantOptions
from oauth.consent.forms import GRANT_DURATIONS, GrantOptionsForm

LIFETIMES = GRANT_DURATIONS | {"quarter": timedelta(days=90)}
END_CHOICES = [
    ("day", _("In a day")),
    ("week", _("In a week")),
    ("month", _("In a month")),
    ("quarter", _("In 90 days")),
    ("year", _("In a year")),
    ("never", _("Never")),
]
DEFAULT_END = "quarter"


class RegenerateForm(forms.Form):
    """When the new token ends."""

    ends = forms.ChoiceField(label=_("Expires"), choices=END_CHOICES, initial=DEFAULT_END)

    def compute_end(self) -> datetime | None:
        return _compute_end(self.cleaned_data["ends"])


class TokenForm(GrantOptionsForm):
    """Name, access and end of a new token. Whoever sends no end gets the default one."""

    form_id = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(
        label=_("Name"),
        max_length=client_names.MAX_CHARACTERS,
        help_text=_("What you use it for, such as “Home Assistant”. Use one token for each program."),
    )
    field_order = ("form_id", "name")

    def __init__(self, data: Any = None, *, tags: Sequence[tuple[str, str]]) -> None:
        super().__init__(data, scopes=list(settings.OAUTH2_PROVIDER["SCOPES"]), tags=tags)
        self._set_choices("ends", END_CHOICES)
        self.initial["scopes"] = list(settings.OAUTH_SCOPES_FOR_EVERY_APP)
        self.initial["ends"] = DEFAULT_END
        self.initial["form_id"] = uuid4()

    def build_options(self) -> GrantOptions:
        options = super().build_options()
        return GrantOptions(
            options.scopes, options.only_tags, _compute_end(self.cleaned_data["ends"]), options.asks_first
        )


def _compute_end(choice: str) -> datetime | None:
    return None if choice == "never" else timezone.now() + LIFETIMES[choice or DEFAULT_END]
