"""The form for an app's access."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html
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
    ("never", _("Never")),
    ("day", _("In a day")),
    ("week", _("In a week")),
    ("month", _("In a month")),
    ("year", _("In a year")),
]


class GrantOptionsForm(forms.Form):
    """An app's scopes, memories and expiry. tags: (id, label) of each tag to choose from.

    grant: the current grant, shown as initial values.
    """

    scopes = forms.MultipleChoiceField(
        label=_("Permissions"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Select at least one permission.")},
    )
    reach = forms.ChoiceField(
        label=_("Memories"),
        widget=forms.RadioSelect,
        choices=[("all", _("All memories")), ("tagged", _("Only memories with these tags"))],
        initial="all",
        error_messages={"required": _("Choose all memories or only those with certain tags.")},
    )
    tags = forms.TypedMultipleChoiceField(
        label=_("Tags"), widget=forms.CheckboxSelectMultiple, coerce=UUID, required=False
    )
    ends = forms.ChoiceField(label=_("Expires"), choices=END_CHOICES, initial="never", required=False)
    asks_first = forms.BooleanField(
        label=_("Require my approval for its changes"),
        required=False,
        help_text=_(
            "New and edited memories appear under Review until you approve them. It cannot delete memories."
        ),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        scopes: Sequence[str],
        tags: Sequence[tuple[str, str]],
        grant: AppGrant | None = None,
    ) -> None:
        self.grant = grant
        super().__init__(data, initial=_build_initial_data(grant))
        self._set_choices("scopes", [(scope, get_scope_descriptions()[scope]) for scope in scopes])
        self._set_choices("tags", [*tags, *_get_unused_tag_choices(grant, tags)])
        if grant is not None and grant.ends_at is not None:
            self._set_choices("ends", [("keep", gettext("Keep current expiry")), *_get_end_choices(grant)])
            self.initial["ends"] = "keep"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("reach") == "tagged" and not cleaned.get("tags"):
            self.add_error("tags", ValidationError(gettext("Select at least one tag."), code="required"))
        return cleaned

    def build_options(self) -> GrantOptions:
        data: Mapping[str, Any] = self.cleaned_data
        ends_at = self.grant.ends_at if self.grant and data["ends"] == "keep" else None
        if data["ends"] in GRANT_DURATIONS:
            ends_at = timezone.now() + GRANT_DURATIONS[data["ends"]]
        return GrantOptions(
            scopes=frozenset(data["scopes"]),
            only_tags=frozenset(data["tags"]) if data["reach"] == "tagged" else None,
            ends_at=ends_at,
            asks_first=data["asks_first"],
        )

    def _set_choices(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (all three are)
        field.choices = list(choices)


class ConsentForm(GrantOptionsForm):
    """The form of the consent page. It also offers the scopes of every app that the request omits (RFC 6749 3.3).

    Otherwise an app that asks for too little, as some do at first, could never write.
    """

    def __init__(
        self,
        data: Any = None,
        *,
        requested: Sequence[str],
        tags: Sequence[tuple[str, str]],
        grant: AppGrant | None = None,
    ) -> None:
        extra = [name for name in settings.OAUTH_SCOPES_FOR_EVERY_APP if name not in requested]
        super().__init__(data, scopes=[*requested, *extra], tags=tags, grant=grant)
        granted, declined = (grant.scopes, grant.declined_scopes) if grant else ([], [])
        self.initial["scopes"] = [
            name
            for name in (*requested, *extra)
            if name not in settings.OAUTH_SCOPES_BY_EXTRA_TICK
            and (name in granted or (name in requested and name not in declined))
        ]
        notes = {name: gettext("The app does not request this.") for name in extra if name not in granted}
        if grant is not None:
            notes |= {name: gettext("New.") for name in requested if name not in granted}
        notes |= dict.fromkeys(declined, gettext("You did not allow this before."))
        texts = get_scope_descriptions()
        self._set_choices(
            "scopes",
            [
                (
                    name,
                    format_html("{} <em>{}</em>", texts[name], notes[name]) if name in notes else texts[name],
                )
                for name in (*requested, *extra)
            ],
        )
        if grant is not None and grant.has_ended:
            self._set_choices("ends", END_CHOICES)
            self.initial["ends"] = "never"


def _get_end_choices(grant: AppGrant) -> list[tuple[str, Any]]:
    """Return the choices besides the current end: a personal access token cannot be extended (grants.update_grant)."""
    if not grant.application.is_personal_token or grant.ends_at is None:
        return END_CHOICES
    left = grant.ends_at - timezone.now()
    return [(name, label) for name, label in END_CHOICES if GRANT_DURATIONS.get(name, left) < left]


def _get_unused_tag_choices(grant: AppGrant | None, tags: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return choices for tags of the grant that no memory has any more, so that saving does not widen its access."""
    known, granted = dict(tags), (grant.only_tags if grant else None) or ()
    return [(str(tag), gettext("(a tag no longer used)")) for tag in granted if str(tag) not in known]


def _build_initial_data(grant: AppGrant | None) -> dict[str, Any]:
    if grant is None:
        return {}
    return {
        "scopes": grant.scopes,
        "reach": "all" if grant.only_tags is None else "tagged",
        "tags": [str(tag) for tag in grant.only_tags or ()],
        "asks_first": grant.asks_first,
    }
