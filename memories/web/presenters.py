"""Presentation of memories on the pages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import ClassVar, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.actor import Channel
from accounts.ids import get_creation_time
from memories.clients import names as client_names
from memories.models import IndexState, Memory, Tag
from memories.search.change_detection import ChangeKind, Difference
from memories.search.near_duplicates import UpdateSuggestion
from memories.search.query import Hit, Relevance
from memories.services.reads import decrypt_or_none
from memories.services.representation import excerpt_match, shorten_text
from memories.services.tags import get_tags, sort_by_name
from memories.web.markdown import render_markdown

AGE_IN_WORDS = timedelta(days=7)
HOUR_S = 3_600


@dataclass(frozen=True)
class MemoryRow:
    """A memory in a list.

    names: names by client ID of the apps that wrote the list's memories; None to look up this memory's app. hit: the
    search result that it is, whose match the excerpt shows.
    """

    memory: Memory
    why: str = ""
    is_weak: bool = False
    names: Mapping[str, str] | None = None
    hit: Hit | None = None
    SENT: ClassVar[int] = 240  # characters sent for a list: more than the two or three lines that it shows

    @cached_property
    def text(self) -> str | None:
        return decrypt_or_none(self.memory)

    @property
    def excerpt(self) -> str | None:
        """Return what a list shows of the text: its beginning, or what matched a search."""
        if self.text is None or self.hit is None:
            return None if self.text is None else shorten_text(self.text, self.SENT)
        return excerpt_match(self.text, self.hit, self.SENT)

    @cached_property
    def markdown(self) -> SafeString | None:
        """Return the text as HTML, or None if it has no formatting."""
        return render_markdown(self.text or "")

    @cached_property
    def tags(self) -> list[Tag]:
        return sort_by_name(get_tags(self.memory))

    @property
    def age(self) -> str:
        return format_age(self.memory.created_at)

    @property
    def is_dated(self) -> bool:
        """Whether `age` is a date, which repeats the heading of its day."""
        return timezone.now() - self.memory.created_at >= AGE_IN_WORDS

    @property
    def is_by_owner(self) -> bool:
        return self.memory.source == Channel.WEB

    @property
    def source(self) -> str:
        source = self.memory.source
        return describe_source(
            source,
            client_names.get_client_names(self.memory.owner_id, [source])
            if self.names is None
            else self.names,
        )

    @property
    def is_indexing(self) -> bool:
        return self.memory.index_state == IndexState.PENDING

    @property
    def has_failed(self) -> bool:
        return self.memory.index_state == IndexState.FAILED

    @property
    def is_trashed(self) -> bool:
        return self.memory.deleted_at is not None

    @property
    def removed_at(self) -> datetime | None:
        """Return when the memory was moved to trash or expired."""
        return self.memory.deleted_at or self.memory.expires_at

    @property
    def removed_ago(self) -> str:
        return format_age(self.removed_at) if self.removed_at else ""

    @property
    def purged_at(self) -> datetime | None:
        return self.removed_at + timedelta(days=settings.TRASH_DAYS) if self.removed_at else None


@dataclass(frozen=True)
class SimilarRow(MemoryRow):
    """A memory similar to another. update: that one of them may replace the other."""

    update: UpdateSuggestion | None = None

    @property
    def differences(self) -> str:
        """Return what differs, such as "number (41 → 42)"."""
        return "; ".join(map(_describe_difference, self.update.differences if self.update else ()))


def _describe_difference(difference: Difference) -> str:
    labels = {
        ChangeKind.NUMBER: _("number"),
        ChangeKind.TIME: _("date or time"),
        ChangeKind.NAME: _("name"),
        ChangeKind.NEGATION: _("one says the opposite"),
        ChangeKind.CHANGE: _("says that something changed"),
        ChangeKind.VALUE: _("other words"),
    }
    older, newer = (_(", ").join(words) for words in (difference.older, difference.newer))
    sides = (
        _("%(older)s → %(newer)s") % {"older": older, "newer": newer} if older and newer else older or newer
    )
    return f"{labels[difference.kind]} ({sides})" if sides else labels[difference.kind]


def build_rows(memories: Iterable[Memory]) -> list[MemoryRow]:
    memories = list(memories)
    names = _get_names(memories)
    return [MemoryRow(memory, names=names) for memory in memories]


class DayRows(NamedTuple):
    """The memories of one day, newest first. label: "" if they continue the day before them in the list."""

    label: str
    day: date | None
    rows: list[MemoryRow]


def group_by_day(rows: Iterable[MemoryRow], *, after: UUID | None = None) -> list[DayRows]:
    """Group rows by the day of their creation in the user's time zone. after: the memory before them in the list."""
    zone = timezone.get_current_timezone()
    shown = get_creation_time(after).astimezone(zone).date() if after else None
    groups = []
    for day, group in groupby(rows, key=lambda row: row.memory.created_at.astimezone(zone).date()):
        groups.append(DayRows("" if day == shown else format_day(day), day, list(group)))
        shown = day
    return groups


def format_day(day: date) -> str:
    """Return "Today", "Yesterday", or the date, with its year unless it is this one."""
    today = timezone.localdate()
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return format_date(day, "MONTH_DAY_FORMAT" if day.year == today.year else "DATE_FORMAT")


def build_search_rows(hits: Iterable[Hit]) -> list[MemoryRow]:
    """Return the hits with their reasons, strong matches first."""
    hits = list(hits)
    names = _get_names([hit.memory for hit in hits])
    rows = [
        MemoryRow(hit.memory, _explain_match(hit), hit.relevance == Relevance.WEAK, names, hit)
        for hit in hits
    ]
    return sorted(rows, key=lambda row: row.is_weak)


def _get_names(memories: Sequence[Memory]) -> Mapping[str, str]:
    """Return the names of the apps that wrote these memories of one user."""
    if not memories:
        return {}
    return client_names.get_client_names(memories[0].owner_id, (memory.source for memory in memories))


def format_age(moment: datetime) -> str:
    """Return how long ago a moment was, or its date after a week."""
    age = timezone.now() - moment
    if age < AGE_IN_WORDS:
        return _describe_age(_round_age(max(int(age.total_seconds()), 0)), get_language())
    return format_date(timezone.localdate(moment), "SHORT_DATE_FORMAT")


def format_date(day: date, name: str) -> str:
    """Return a date in a named format of the language. A list repeats few dates, and formatting one is slow."""
    return _format_date(day, name, get_language())


@lru_cache(maxsize=2_048)
def _format_date(day: date, name: str, _language: str | None) -> str:
    return date_format(day, name)


def _round_age(seconds: int) -> int:
    """Return the age in whole hours, below an hour in whole minutes, below a minute in seconds, as it is shown."""
    unit = HOUR_S if seconds >= HOUR_S else 60 if seconds >= 60 else 1
    return seconds // unit * unit


@lru_cache(maxsize=2_048)
def _describe_age(seconds: int, _language: str | None) -> str:
    return str(naturaltime(timezone.now() - timedelta(seconds=seconds)))


def describe_source(source: str, names: Mapping[str, str]) -> str:
    """Return who wrote a memory.

    source: a channel ("web"), or a channel and a client ID ("api:<client id>").
    """
    if client_id := client_names.get_client_id(source):
        return _("by the app %(app)s") % {"app": names.get(client_id, client_id)}
    # Translators: after the time when a memory was written
    return _("by you") if source == Channel.WEB else _("by one of your programs")


def _explain_match(hit: Hit) -> str:
    if hit.matched_words:
        # Translators: a word in quotation marks, as in: contains “shoes”, “boots”
        quoted = [_("“%(word)s”") % {"word": word} for word in hit.matched_words]
        # Translators: between the words of a list
        words = _(", ").join(quoted)
        return _("contains %(words)s") % {"words": words}
    return _("weakly related") if hit.relevance == Relevance.WEAK else _("similar meaning")
