"""The URL parameters of the list of memories."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.ids import get_first_id
from memories.models import Tag, Visibility
from memories.models.visibility import Filters
from memories.validation import limits
from memories.web.forms import RawCharField

EARLIEST_YEAR, LATEST_YEAR = 1970, 9000  # that ids and their next months can express


class ListForm(forms.Form):
    """Filters, search and cursor of the list. Invalid URL parameters are ignored.

    tags: those to choose from and the chosen one, set by a page that shows them.
    """

    q = RawCharField()
    visibility = forms.ChoiceField(required=False, choices=Visibility.choices)
    tag = forms.UUIDField(required=False)
    before = forms.UUIDField(required=False)
    month = forms.DateField(required=False, input_formats=["%Y-%m"])
    open = forms.UUIDField(required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.tags: list[Tag] = []
        self.is_valid()

    @property
    def query(self) -> str:
        return limits.clean_query(self.cleaned_data.get("q", ""))

    @property
    def cursor(self) -> UUID | None:
        """Return the id before which the list starts, by `before` or by the end of `month`."""
        before: UUID | None = self.cleaned_data.get("before")
        if before is not None:
            return before
        return get_first_id(get_month_after(self.start_month)) if self.start_month else None

    @property
    def start_month(self) -> datetime | None:
        """Return the start of the month in which the list starts, in the user's time zone."""
        month = self.cleaned_data.get("month")
        return _get_month_start(month) if month and EARLIEST_YEAR <= month.year <= LATEST_YEAR else None

    @property
    def opened(self) -> UUID | None:
        """Return the id of the memory that is shown opened."""
        return self.cleaned_data.get("open")

    @property
    def chosen_visibility(self) -> str:
        return self.cleaned_data.get("visibility") or ""

    @cached_property
    def chosen_tag(self) -> Tag | None:
        return next((tag for tag in self.tags if tag.pk == self.cleaned_data.get("tag")), None)

    @property
    def has_missing_tag(self) -> bool:
        """Return whether the tag no longer exists, as in a saved filter or an old URL."""
        return bool(self.cleaned_data.get("tag")) and self.chosen_tag is None

    @property
    def filters(self) -> Filters:
        """Return the filters. A deleted tag matches nothing, so that a bulk action cannot affect all memories."""
        tag_id: UUID | None = self.cleaned_data.get("tag")
        tags = frozenset({tag_id} if tag_id else ())
        return Filters(visibility=self.chosen_visibility or None, tags_all=tags)

    def get_url_params(self) -> dict[str, str]:
        """Return the non-empty URL parameters. A tag is given by id, because URLs end up in logs."""
        tag = str(self.cleaned_data.get("tag") or "")
        params = {"q": self.query, "visibility": self.chosen_visibility, "tag": tag}
        return {name: value for name, value in params.items() if value}


def get_month_after(moment: datetime) -> datetime:
    """Return the start of the month after that of a moment in the user's time zone."""
    return _get_month_start(moment.date().replace(day=1) + timedelta(days=32))


def _get_month_start(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day.replace(day=1), time.min))
