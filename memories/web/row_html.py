"""The HTML of a memory in a list. Python, not a template: a page has 25 rows, and the template took half of its time.

Sent once per memory, so it is short. Its actions are those of _row_actions.html, or on the page that it links to.
"""

from functools import cache
from uuid import UUID

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from memories.web.presenters import MemoryRow, format_date

register = template.Library()
NIL = UUID(int=0)


@register.simple_tag(name="memory_row")
def render_row(row: MemoryRow, *, next_try: int = 1, open_id: UUID | None = None) -> SafeString:
    """Return a list item.

    next_try: how often its index state was asked for, counted from 1; 0 to never ask. open_id: the memory that is shown
    opened.
    """
    memory, pk = row.memory, str(row.memory.pk)
    past = " memory-past" if memory.superseded_by else ""
    panel = (
        render_to_string("memories/_panel.html", {"row": row, "memory": memory})
        if memory.pk == open_id
        else ""
    )
    html = (
        f'<li class="memory{past}" id="m-{pk}"><label class="tick">'
        f'<input type="checkbox" name="ids" value="{pk}.{memory.version}" form="many" aria-labelledby="t-{pk}">'
        f'</label> <a class="memory-text" id="t-{pk}" href="{_get_url_pattern().format(pk)}" dir="auto">'
        f'{_render_text(row)}</a><div class="facts">{_render_facts(row, next_try)}</div>{panel}</li>'
    )
    return mark_safe(html)  # noqa: S308 # nosec B308 B703 - every value is escaped


def _render_text(row: MemoryRow) -> str:
    if row.text is None:
        return render_to_string("memories/_text.html", {"row": row})
    return escape(row.excerpt or row.text)


def _render_facts(row: MemoryRow, next_try: int) -> str:
    memory = row.memory  # texts are translated outside of f-strings, in which xgettext finds none
    parts = [f'<span class="why pic-search">{escape(row.why)}</span>'] if row.why else []
    if memory.superseded_by:
        parts.append(render_to_string("memories/_past.html", {"memory": memory, "is_own": True}))
    if memory.is_public:
        parts.append('<span class="public pic-globe">' + _("Public") + "</span>")
    if row.tags:
        tags = "".join(
            f'<li><a href="?tag={tag.pk}" dir="auto">{escape(tag.name)}</a></li>' for tag in row.tags
        )
        parts.append('<ul class="tags" aria-label="' + _("Tags") + f'">{tags}</ul>')
    dated = ' class="dated"' if row.is_dated else ""
    moment = timezone.localtime(memory.created_at).strftime("%Y-%m-%dT%H:%M%z")
    parts.append(f'<time{dated} datetime="{moment}">{escape(row.age)}</time>')
    if not row.is_by_owner:
        parts.append(f'<span dir="auto">{escape(row.source)}</span>')
    if memory.pinned:
        parts.append('<span class="pinned pic-pin">' + _("pinned") + "</span>")
    if memory.expires_at:
        when = escape(format_date(timezone.localdate(memory.expires_at), "SHORT_DATE_FORMAT"))
        parts.append('<span class="expiry pic-clock">' + _("expires %(when)s") % {"when": when} + "</span>")
    if row.is_indexing or row.has_failed:
        context = {"row": row, "next_try": next_try, "in_list": True}
        parts.append(render_to_string("memories/_index_state.html", context))
    return "".join(parts)


@cache
def _get_url_pattern() -> str:
    """Return the URL of a memory's page with braces for its id."""
    return reverse("memories:detail", args=[NIL]).replace(str(NIL), "{}")
