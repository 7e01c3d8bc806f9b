"""The sections of the pages, as the header lists them."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, eq=False)  # there is one of each, and a label has no hash of its own
class Section:
    """A link of the header. view: its first page. key: the shortcut after "g". icon: of static/vendor/icons."""

    view: str
    key: str
    icon: str
    label: Promise | str


@dataclass(frozen=True)
class SectionLink:
    """A section as a page shows it. current: the value of aria-current, empty on pages of other sections."""

    section: Section
    current: str


MEMORIES = Section("memories:list", "m", "journal-text", _("Memories"))
ASK = Section("memories:ask", "a", "stars", _("Ask"))
APPS = Section("oauth:apps", "c", "grid", _("Apps"))
INSIGHTS = Section("memories:insights", "i", "bar-chart", _("Insights"))
SECTIONS = (MEMORIES, ASK, APPS, INSIGHTS)
# By the namespace of a view, for those that are no first page of a section.
NAMESPACES = {"memories": MEMORIES, "oauth": APPS}
CONNECT_VIEWS = ("connect", "connected")


def list_section_links(request: HttpRequest) -> list[SectionLink]:
    """Return the header's links. The first page of a section is current as a page, its others as a section."""
    view = request.resolver_match.view_name if request.resolver_match else ""
    here = _find_section(view)
    return [
        SectionLink(section, "" if section is not here else "page" if section.view == view else "true")
        for section in SECTIONS
    ]


def _find_section(view: str) -> Section | None:
    if view in CONNECT_VIEWS:
        return APPS
    first = next((section for section in SECTIONS if section.view == view), None)
    return first or NAMESPACES.get(view.partition(":")[0])
