"""What a person chooses about an app."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oauth.access.grants import GrantOptions
from oauth.models import AppGrant
from oauth.toolkit.scopes import get_scope_descriptions

GRANT_DURATIONS = {
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
END_CHOICES = [
    ("never", _("Until I take it back")),
    ("day", _("For a day")),
    ("week", _("For a week")),
    ("month", _("For a month")),
    ("year", _("For a year")),
]


class GrantOptionsForm(forms.Form):
    """What an app may do, see, and until when. tags: (id, what to call it) of each tag to choose from.

    grant: what it was allowed, which the form says at first. is_asked: the app itself asks, and says for which scopes.
    """

    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Leave at least one thing, or cancel.")},
    )
    reach = forms.ChoiceField(
        label=_("Which memories"),
        widget=forms.RadioSelect,
        choices=[("all", _("All of them")), ("tagged", _("Only those with these tags"))],
        initial="all",
        error_messages={"required": _("Say which memories: nothing said is not all of them.")},
    )
    tags = forms.TypedMultipleChoiceField(
        label=_("Tags"), widget=forms.CheckboxSelectMultiple, coerce=UUID, required=False
    )
    ends = forms.ChoiceField(label=_("For how long"), choices=END_CHOICES, initial="never", required=False)
    asks_first = forms.BooleanField(
        label=_("Its writes wait for my yes"),
        required=False,
        help_text=_(
            "What it adds or changes goes to your review, and is saved when you accept it. It throws nothing away."
        ),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        scopes: Sequence[str],
        tags: Sequence[tuple[str, str]],
        grant: AppGrant | None = None,
        is_asked: bool = False,
    ) -> None:
        self.grant = grant
        super().__init__(data, initial=_build_initial_data(grant))
        self._set_choices("scopes", [(scope, get_scope_descriptions()[scope]) for scope in scopes])
        self._set_choices("tags", [*tags, *_get_unused_tag_choices(grant, tags)])
        if is_asked:
            self.initial["scopes"] = [
                name for name in scopes if name not in settings.OAUTH_SCOPES_BY_EXTRA_TICK
            ]
        if grant is not None and grant.ends_at is not None and not (is_asked and grant.has_ended):
            self._set_choices("ends", [("keep", gettext("As it is now")), *END_CHOICES])
            self.initial["ends"] = "keep"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("reach") == "tagged" and not cleaned.get("tags"):
            self.add_error("tags", ValidationError(gettext("Choose at least one tag."), code="required"))
        return cleaned

    def build_options(self) -> GrantOptions:
        given: Mapping[str, Any] = self.cleaned_data
        kept_end = self.grant.ends_at if self.grant and given["ends"] == "keep" else None
        return GrantOptions(
            scopes=frozenset(given["scopes"]),
            only_tags=frozenset(given["tags"]) if given["reach"] == "tagged" else None,
            ends_at=timezone.now() + GRANT_DURATIONS[given["ends"]]
            if given["ends"] in GRANT_DURATIONS
            else kept_end,
            asks_first=given["asks_first"],
        )

    def _set_choices(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (all three are)
        field.choices = list(choices)


def _get_unused_tag_choices(grant: AppGrant | None, tags: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Tags that nothing carries any more: the form as it stands must not widen what the app sees."""
    known, kept = dict(tags), (grant.only_tags if grant else None) or ()
    return [(str(tag), gettext("(a tag no longer used)")) for tag in kept if str(tag) not in known]


def _build_initial_data(grant: AppGrant | None) -> dict[str, Any]:
    if grant is None:
        return {}
    return {
        "scopes": grant.scopes,
        "reach": "all" if grant.only_tags is None else "tagged",
        "tags": [str(tag) for tag in grant.only_tags or ()],
        "asks_first": grant.asks_first,
    }
