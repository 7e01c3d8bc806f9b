"""The HTML of a memory in a list. Python, not a template: a page has 25 rows, and the template took half of its time.

Sent once per memory, so it is short. Its actions are those of _row_actions.html, or on the page that it links to.
"""

from collections.abc import Iterable
from datetime import tzinfo
from functools import cache
from html import escape  # Django's looks in each text for lazy translations first
from typing import NamedTuple
from uuid import UUID

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_spaces_between_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from memories.web.presenters import DayRows, MemoryRow, format_date

register = template.Library()
NIL = UUID(int=0)


class Shared(NamedTuple):
    """What all rows of a page share, looked up once for each list: labels in its language, and its time zone."""

    tags: str
    public: str
    pinned: str
    zone: tzinfo


@register.simple_tag(name="memory_days")
def render_days(days: Iterable[DayRows], *, open_id: UUID | None = None) -> SafeString:
    """Return the list items of days and their memories."""
    shared, parts = _get_shared(), []
    for day in days:
        if day.label:
            parts.append(f'<li class="day" data-day="{day.day or ""}"><h2>{escape(day.label)}</h2></li>')
        parts += [_render_row(row, shared, next_try=1, open_id=open_id) for row in day.rows]
    return mark_safe("".join(parts))  # noqa: S308 # nosec B308 B703 - every value is escaped


@register.simple_tag(name="memory_row")
def render_row(row: MemoryRow, *, next_try: int = 1, open_id: UUID | None = None) -> SafeString:
    """Return a list item.

    next_try: how often its index state was asked for, counted from 1; 0 to never ask. open_id: the memory that is shown
    opened.
    """
    html = _render_row(row, _get_shared(), next_try=next_try, open_id=open_id)
    return mark_safe(html)  # noqa: S308 # nosec B308 B703 - every value is escaped


def _get_shared() -> Shared:
    labels = _("Tags"), _("Public"), _("pinned")  # outside of f-strings, in which xgettext finds none
    return Shared(*labels, timezone.get_current_timezone())


def _render_row(row: MemoryRow, shared: Shared, *, next_try: int, open_id: UUID | None) -> str:
    memory, pk = row.memory, str(row.memory.pk)
    past = " memory-past" if memory.superseded_by else ""
    panel = (
        _render_part("memories/_panel.html", {"row": row, "memory": memory}) if memory.pk == open_id else ""
    )
    return (
        f'<li class="memory{past}" id="m-{pk}"><label class="tick">'
        f'<input type="checkbox" name="ids" value="{pk}.{memory.version}" form="many" aria-labelledby="t-{pk}">'
        f'</label><a class="memory-text" id="t-{pk}" href="{_get_url_pattern().format(pk)}" dir="auto">'
        f'{_render_text(row)}</a><div class="facts">{_render_facts(row, shared, next_try)}</div>{panel}</li>'
    )


def _render_text(row: MemoryRow) -> str:
    if row.text is None:
        return _render_part("memories/_text.html", {"row": row})
    return escape(row.excerpt or row.text)


def _render_facts(row: MemoryRow, shared: Shared, next_try: int) -> str:
    memory = row.memory
    parts = [f'<span class="why pic-search">{escape(row.why)}</span>'] if row.why else []
    if memory.superseded_by:
        parts.append(_render_part("memories/_past.html", {"memory": memory, "is_own": True}))
    if memory.is_public:
        parts.append(f'<span class="public pic-globe">{shared.public}</span>')
    if row.tags:
        tags = "".join(
            f'<li><a href="?tag={tag.pk}" dir="auto">{escape(tag.name)}</a></li>' for tag in row.tags
        )
        parts.append(f'<ul class="tags" aria-label="{shared.tags}">{tags}</ul>')
    dated = ' class="dated"' if row.is_dated else ""
    moment = memory.created_at.astimezone(shared.zone).strftime("%Y-%m-%dT%H:%M%z")
    parts.append(f'<time{dated} datetime="{moment}">{escape(row.age)}</time>')
    if not row.is_by_owner:
        parts.append(f'<span dir="auto">{escape(row.source)}</span>')
    if memory.pinned:
        parts.append(f'<span class="pinned pic-pin">{shared.pinned}</span>')
    if memory.expires_at:
        when = escape(format_date(timezone.localdate(memory.expires_at), "SHORT_DATE_FORMAT"))
        parts.append('<span class="expiry pic-clock">' + _("expires %(when)s") % {"when": when} + "</span>")
    if row.is_indexing or row.has_failed:
        context = {"row": row, "next_try": next_try, "in_list": True}
        parts.append(_render_part("memories/_index_state.html", context))
    return "".join(parts)


def _render_part(template: str, context: dict[str, object]) -> str:
    """Return a rare part, without the space between its tags that would be sent for each row."""
    return strip_spaces_between_tags(render_to_string(template, context).strip())


@cache
def _get_url_pattern() -> str:
    """Return the URL of a memory's page with braces for its id."""
    return reverse("memories:detail", args=[NIL]).replace(str(NIL), "{}")
