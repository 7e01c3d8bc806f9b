"""What a person types about memories. The limits and their words are those of memories/validation/limits.py."""

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

from memories.models import Memory, Tag, Visibility
from memories.models.visibility import Filters
from memories.persona.retrieval import SELF_HANDLE
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
    """What was typed, as it was typed: the domain says what is wrong with it, in its words."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def to_python(self, value: object) -> str:
        return "" if value is None else str(value)


def build_expires_field(choices: Sequence[tuple[str, object]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=_("Forget it"), choices=choices, initial="never", required=False)


class MemoryForm(forms.Form):
    """A memory. `values()` is what the services take."""

    text = RawCharField(label=_("Memory"), widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}))
    tags = RawCharField(
        label=_("Tags"),
        help_text=_("Separated by commas, such as: work, health"),
        widget=forms.TextInput(attrs={"dir": "auto", "autocapitalize": "none"}),
    )
    visibility = forms.ChoiceField(
        label=_("Who may know it"),
        choices=[(Visibility.PRIVATE.value, _("Private")), (Visibility.PUBLIC.value, _("Public"))],
        initial=Visibility.PRIVATE.value,
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": _("Choose private or public.")},
    )
    expires = build_expires_field(EXPIRY_CHOICES)
    expires_on = forms.DateTimeField(
        label=_("On this date and time"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean_text(self) -> str:
        return limits.clean_text(self.cleaned_data["text"])

    def clean_tags(self) -> list[str]:
        return limits.clean_tags(self.cleaned_data["tags"].split(","))

    def clean_visibility(self) -> str:
        return limits.clean_visibility(self.cleaned_data["visibility"] or Visibility.PRIVATE)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if (
            cleaned.get("expires", "custom") != "custom"
        ):  # the date was typed before, and is not seen any more
            self.errors.pop("expires_on", None)
            cleaned["expires_on"] = None
        if "expires" in cleaned and "expires_on" in cleaned:
            try:
                cleaned["expires_at"] = self._resolve_expiry(cleaned["expires"], cleaned["expires_on"])
            except ValidationError as error:
                self.add_error("expires_on", error)
        return cleaned

    def get_values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in CHANGEABLE_FIELDS}

    def _resolve_expiry(self, choice: str, on: datetime | None) -> datetime | None:
        if choice in LIFETIMES:
            return timezone.now() + LIFETIMES[choice]
        if choice != "custom":
            return None
        if on is None:
            raise ValidationError(gettext("Say when it shall be forgotten."), code="required")
        return limits.clean_expires_at(on)


class EditForm(MemoryForm):
    """A memory that is there: it keeps its expiry unless told otherwise, and says which version was seen."""

    version = forms.IntegerField(
        min_value=1,
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value"), _("This form is incomplete. Open the memory again.")
        ),
    )

    def __init__(self, data: Mapping[str, object] | None = None, *, memory: Memory) -> None:
        self.memory = memory
        super().__init__(data, initial=get_initial_values(memory))
        if memory.expires_at is not None:
            when = date_format(timezone.localtime(memory.expires_at), "DATETIME_FORMAT")
            keep = ("keep", gettext("Keep: %(when)s") % {"when": when})
            self.fields["expires"] = build_expires_field([keep, *EXPIRY_CHOICES])

    def _resolve_expiry(self, choice: str, on: datetime | None) -> datetime | None:
        return self.memory.expires_at if choice == "keep" else super()._resolve_expiry(choice, on)


class ListForm(forms.Form):
    """Which memories to show. What makes no sense in an address is left out, not complained about."""

    q = RawCharField()
    visibility = forms.ChoiceField(required=False, choices=Visibility.choices)
    tag = forms.UUIDField(required=False)
    before = forms.UUIDField(required=False)

    def __init__(self, data: QueryDict, *, tags: list[Tag]) -> None:
        super().__init__(data)
        self.tags = tags
        self.is_valid()

    @property
    def query(self) -> str:
        return limits.clean_query(self.cleaned_data.get("q", ""))

    @property
    def cursor(self) -> UUID | None:
        return self.cleaned_data.get("before")

    @property
    def chosen_visibility(self) -> str:
        return self.cleaned_data.get("visibility") or ""

    @property
    def chosen_tag(self) -> Tag | None:
        return next((tag for tag in self.tags if tag.pk == self.cleaned_data.get("tag")), None)

    @property
    def has_missing_tag(self) -> bool:
        """Whether the tag is on no memory any more: of a filter that was saved, or an old address."""
        return bool(self.cleaned_data.get("tag")) and self.chosen_tag is None

    @property
    def filters(self) -> Filters:
        """With a tag that is gone none matches, and not all: the list may be about to be changed as a whole."""
        tag_id: UUID | None = self.cleaned_data.get("tag")
        tags = frozenset({tag_id} if tag_id else ())
        return Filters(visibility=self.chosen_visibility or None, tags_all=tags)

    def get_url_params(self) -> dict[str, str]:
        """What stands in the page's address: nothing empty; a tag's id, because addresses get into logs."""
        tag = str(self.cleaned_data.get("tag") or "")
        given = {"q": self.query, "visibility": self.chosen_visibility, "tag": tag}
        return {name: value for name, value in given.items() if value}


def parse_version(given: str) -> int | None:
    """The version of a memory that a page was shown with; None where that is not said."""
    return int(given[:9]) if given.isdecimal() else None


def _parse_selection(value: str) -> tuple[UUID, int | None]:
    """A memory, and the version of it that was shown; None where that is not said."""
    memory_id, _dot, version = value.partition(".")
    return UUID(memory_id), parse_version(version)


class BulkActionForm(forms.Form):
    """One change, and the memories that were ticked, or `everything` that the list's filters let through."""

    act = forms.ChoiceField(
        choices=[(name, name) for name in ("trash", "tag", "untag", "expire", "publish", "unpublish")],
        error_messages={"required": _("Choose what to do."), "invalid_choice": _("Choose what to do.")},
    )
    tag_name = RawCharField()
    expires = build_expires_field([each for each in EXPIRY_CHOICES if each[0] != "custom"])
    everything = forms.BooleanField(required=False)
    shown = RawCharField()
    ids = forms.TypedMultipleChoiceField(required=False, coerce=_parse_selection)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        given = data.getlist("ids") if data is not None else []
        self.fields["ids"].choices = [(each, each) for each in given]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("everything") and not cleaned.get("ids"):
            raise ValidationError(gettext("Tick at least one memory."), code="nothing_chosen")
        lasts = LIFETIMES.get(cleaned.get("expires", ""))
        expires_at = timezone.now() + lasts if lasts else None
        return cleaned | {"expires_at": expires_at, "seen": dict(cleaned.get("ids") or [])}


def get_initial_values(memory: Memory) -> dict[str, object]:
    return {
        "text": memory.text,
        "tags": ", ".join(sorted(tag.name for tag in memory.tags.all())),
        "visibility": memory.visibility,
        "expires": "keep" if memory.expires_at else "never",
        "version": memory.version,
    }


class QuestionForm(forms.Form):
    """A question. What is wrong with one, the domain says (memories/persona/retrieval.py)."""

    question = RawCharField(label=_("Your question"), widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}))


class AskForm(QuestionForm):
    """A question, and to whom."""

    whom = RawCharField(
        label=_("About whom"),
        help_text=_(
            "Empty: about yourself, from all your memories. A handle, as @ada: from what they made public."
        ),
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false", "placeholder": "@"}
        ),
    )

    @property
    def handle(self) -> str:
        return self.cleaned_data["whom"].strip().removeprefix("@").lower() or SELF_HANDLE
