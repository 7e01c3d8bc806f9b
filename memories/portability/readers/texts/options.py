"""How a list of memories is read."""

from dataclasses import dataclass
from datetime import UTC, tzinfo


@dataclass(frozen=True)
class ListOptions:
    """How a text is read.

    is_list: it has items or dated lines, so that free text around them may be an assistant's. dates_lead, dates_trail:
    entries begin with a date without brackets, or end with one. headings_lead: headings lead each memory; else they are
    its tags, and lead only what is too short without. is_document: it is no list that an assistant wrote: all of it is
    content, code as well.
    """

    zone: tzinfo = UTC
    is_list: bool = False
    dates_lead: bool = False
    dates_trail: bool = False
    headings_lead: bool = False
    is_document: bool = False
