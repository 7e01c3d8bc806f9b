"""What a persona says: answers in plain text and the memories that they cite."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actor import Actor
from memories.models import Memory
from memories.search.hits import Hit
from memories.services.representation import excerpt_match, excerpt_text

EXCERPT_CHARACTERS = 600  # of a source
CITATION = re.compile(r"\s*\[\d{1,2}\]")


class AnswerMode(StrEnum):
    """How an answer was made."""

    EXTRACTIVE = "extractive"
    WORDED = "worded"  # by a chat model


@dataclass(frozen=True)
class Citation:
    """A memory that an answer cites or shows.

    number: as in the answer's text, from 1. text: an excerpt if long. dates: when it was true, if another memory
    replaces it or may replace it.
    """

    number: int
    memory: Memory
    text: str
    dates: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer in plain text, never markup. Without citations, no memory is likely to answer.

    degraded: keyword search only, because the embedding provider failed; or memories are quoted, because the chat model
    failed. closest: memories that are near the question but not cited, nearest first.
    """

    text: str
    citations: tuple[Citation, ...]
    mode: AnswerMode
    degraded: bool
    closest: tuple[Citation, ...] = ()

    @property
    def includes_private(self) -> bool:
        return any(not source.memory.is_public for source in self.citations + self.closest)


@dataclass(frozen=True)
class ChatTurn:
    """An earlier message by the user or the assistant. Never stored."""

    role: Literal["user", "assistant"]
    text: str


def get_no_answer_text() -> str:
    return _("No memory answers that.")


def get_closest_text() -> str:
    return _("No memory clearly answers that. The closest memories may help.")


def remove_citations(text: str) -> str:
    """Return an answer's text without the numbers of its sources."""
    return CITATION.sub("", text)


def format_day(actor: Actor, moment: datetime) -> str:
    """Return the day of a moment where the asker is, as pages show it to them."""
    zone = timezone.get_current_timezone() if actor.user is None else actor.user.zone
    return f"{moment.astimezone(zone):%Y-%m-%d}"


def build_citation(actor: Actor, number: int, hit: Hit, *, is_dated: bool = False) -> Citation:
    text = excerpt_match(hit.memory.text, hit, EXCERPT_CHARACTERS)
    return _build_citation(actor, number, hit.memory, text, is_dated=is_dated)


def cite_memory(actor: Actor, number: int, memory: Memory) -> Citation:
    """Return a citation of a readable memory without a search: of a long one, the beginning."""
    return _build_citation(actor, number, memory, excerpt_text(memory.text, 0, EXCERPT_CHARACTERS))


def _build_citation(
    actor: Actor, number: int, memory: Memory, text: str, *, is_dated: bool = False
) -> Citation:
    dates = format_day(actor, memory.created_at) if is_dated else ""
    if memory.superseded_by is not None:
        dates = _("until %(date)s") % {"date": format_day(actor, memory.superseded_by.created_at)}
    return Citation(number, memory, text, dates)


def format_citations(citations: Sequence[Citation], closest: Sequence[Citation]) -> str:
    if not citations:
        return get_closest_text() if closest else get_no_answer_text()
    return "\n\n".join(map(_format_citation, citations))


def _format_citation(citation: Citation) -> str:
    dates = f" ({citation.dates})" if citation.dates else ""
    return f"{citation.text}{dates} [{citation.number}]"
