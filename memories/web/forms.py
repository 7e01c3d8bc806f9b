"""Forms of the memory pages. Limits and most error messages come from memories/validation/limits.py."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from memories.models import Memory, Visibility
from memories.persona.retrieval import SELF_HANDLE
from memories.services.tags import get_tags
from memories.validation import limits
from memories.validation.drafts import CHANGEABLE_FIELDS

LIFETIMES = {
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
EXPIRY_CHOICES = [
    ("never", _("Never")),
    ("day", _("In a day")),
    ("week", _("In a week")),
    ("month", _("In a month")),
    ("year", _("In a year")),
    ("custom", _("On a date…")),
]


class RawCharField(forms.Field):
    """A text field without checks of its own: the domain validates it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def to_python(self, value: object) -> str:
        return "" if value is None else str(value)


def build_expires_field(choices: Sequence[tuple[str, object]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=_("Expires"), choices=choices, initial="never", required=False)


class MemoryForm(forms.Form):
    """A new memory. `get_values()` returns the arguments of the services."""

    text = RawCharField(label=_("Memory"), widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}))
    tags = RawCharField(
        label=_("Tags"),
        help_text=_("Separate tags with commas, for example: work, health"),
        widget=forms.TextInput(attrs={"dir": "auto", "autocapitalize": "none"}),
    )
    visibility = forms.ChoiceField(
        label=_("Visibility"),
        choices=[(Visibility.PRIVATE.value, _("Private")), (Visibility.PUBLIC.value, _("Public"))],
        initial=Visibility.PRIVATE.value,
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": _("Choose private or public.")},
    )
    expires = build_expires_field(EXPIRY_CHOICES)
    expires_on = forms.DateTimeField(
        label=_("Expiry date"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    supersedes = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean_text(self) -> str:
        return limits.clean_text(self.cleaned_data["text"])

    def clean_tags(self) -> list[str]:
        return limits.clean_tags(limits.split_tags(self.cleaned_data["tags"]))

    def clean_visibility(self) -> str:
        return limits.clean_visibility(self.cleaned_data["visibility"] or Visibility.PRIVATE)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("expires", "custom") != "custom":  # ignore the date field, which is hidden then
            self.errors.pop("expires_on", None)
            cleaned["expires_on"] = None
        if "expires" in cleaned and "expires_on" in cleaned:
            try:
                cleaned["expires_at"] = self._resolve_expiry(cleaned["expires"], cleaned["expires_on"])
            except ValidationError as error:
                self.add_error("expires_on", error)
        return cleaned

    def get_values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in CHANGEABLE_FIELDS if name in self.cleaned_data}

    def _resolve_expiry(self, choice: str, date: datetime | None) -> datetime | None:
        if choice in LIFETIMES:
            return timezone.now() + LIFETIMES[choice]
        if choice != "custom":
            return None
        if date is None:
            raise ValidationError(gettext("Choose an expiry date."), code="required")
        return limits.clean_expires_at(date)


class EditForm(MemoryForm):
    """An existing memory. Its expiry stays unless changed; `version` is the version the user saw."""

    version = forms.IntegerField(
        min_value=1,
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value"), _("This form is incomplete. Open the memory again.")
        ),
    )

    def __init__(
        self, data: Mapping[str, object] | None = None, *, memory: Memory, auto_id: str = "id_%s"
    ) -> None:
        self.memory = memory
        super().__init__(data, initial=get_initial_values(memory), auto_id=auto_id)
        del self.fields["supersedes"]  # has buttons of its own
        if memory.expires_at is not None:
            date = date_format(timezone.localtime(memory.expires_at), "DATETIME_FORMAT")
            unchanged = ("keep", gettext("Unchanged (%(date)s)") % {"date": date})
            self.fields["expires"] = build_expires_field([unchanged, *EXPIRY_CHOICES])

    def _resolve_expiry(self, choice: str, date: datetime | None) -> datetime | None:
        return self.memory.expires_at if choice == "keep" else super()._resolve_expiry(choice, date)


class TagsForm(EditForm):
    """The tags of an existing memory."""

    def __init__(
        self, data: Mapping[str, object] | None = None, *, memory: Memory, auto_id: str = "id_%s"
    ) -> None:
        super().__init__(data, memory=memory, auto_id=auto_id)
        self.fields = {name: self.fields[name] for name in ("tags", "version")}


def parse_version(value: str) -> int | None:
    """Return the memory version that a page showed, or None if it is missing or invalid."""
    return parse_count(value)


def parse_count(value: str) -> int | None:
    """Return a whole number that a page sent, or None if it is missing or invalid."""
    return int(value[:9]) if value.isdecimal() else None


def _parse_selection(value: str) -> tuple[UUID, int | None]:
    """Split "<memory id>.<version>"; the version is None if it is missing."""
    memory_id, _dot, version = value.partition(".")
    return UUID(memory_id), parse_version(version)


class BulkActionForm(forms.Form):
    """An action on the selected memories, or on `everything` that matches the filters."""

    act = forms.ChoiceField(
        choices=[(name, name) for name in ("trash", "tag", "untag", "expire", "publish", "unpublish")],
        error_messages={"required": _("Choose an action."), "invalid_choice": _("Choose an action.")},
    )
    tag_name = RawCharField()
    expires = build_expires_field([choice for choice in EXPIRY_CHOICES if choice[0] != "custom"])
    everything = forms.BooleanField(required=False)
    shown = RawCharField()
    ids = forms.TypedMultipleChoiceField(required=False, coerce=_parse_selection)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        ids = data.getlist("ids") if data is not None else []
        self.fields["ids"].choices = [(value, value) for value in ids]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("everything") and not cleaned.get("ids"):
            raise ValidationError(gettext("Select at least one memory."), code="nothing_chosen")
        lifetime = LIFETIMES.get(cleaned.get("expires", ""))
        expires_at = timezone.now() + lifetime if lifetime else None
        return cleaned | {"expires_at": expires_at, "seen": dict(cleaned.get("ids") or [])}


def get_initial_values(memory: Memory) -> dict[str, object]:
    return {
        "text": memory.text,
        "tags": ", ".join(sorted(tag.name for tag in get_tags(memory))),
        "visibility": memory.visibility,
        "expires": "keep" if memory.expires_at else "never",
        "version": memory.version,
    }


class QuestionForm(forms.Form):
    """A question, validated by memories/persona/retrieval.py, and the conversation before it.

    example: a question of a button, in place of what is typed.
    """

    question = RawCharField(
        label=_("Your question"),
        widget=forms.Textarea(attrs={"rows": 1, "dir": "auto", "placeholder": _("Your question")}),
    )
    conversation = RawCharField(widget=forms.HiddenInput)
    example = RawCharField(widget=forms.HiddenInput)

    @property
    def asked(self) -> str:
        text: str = self.cleaned_data["example"] or self.cleaned_data["question"]
        return text


class AskForm(QuestionForm):
    """A question about the user or about another persona."""

    whom = RawCharField(
        label=_("Persona"),
        help_text=_(
            "Leave empty to ask about yourself, using all your memories. Enter a handle such as @ada to ask about "
            "another user, using their public memories."
        ),
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false", "placeholder": "@"}
        ),
    )

    @property
    def handle(self) -> str:
        return self.cleaned_data["whom"].strip().removeprefix("@").lower() or SELF_HANDLE
