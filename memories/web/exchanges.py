"""Questions and answers of a conversation as pages show them."""

import re
from dataclasses import dataclass

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from memories.models import Memory
from memories.persona.answers import Answer, AnswerMode, Citation

CITATION = re.compile(r"\[(\d{1,2})\]")
MAX_CLOSEST = 5  # memories that a page shows beside an answer


@dataclass(frozen=True)
class ShownExchange:
    """A question with its answer.

    is_withheld: the answer lost a source. saved: the memory made of the answer, or the one that was missing. typed,
    error: what was entered as the missing memory, and why it was not saved.
    """

    number: int
    question: str
    answer: Answer
    about: User
    is_own: bool
    can_save: bool
    is_withheld: bool = False
    saved: Memory | None = None
    typed: str = ""
    error: str = ""

    @property
    def generated(self) -> SafeString | None:
        return link_citations(self.answer, self.number)

    @property
    def quotes(self) -> tuple[Citation, ...]:
        """The cited memories, if they are the answer."""
        return () if self.answer.mode == AnswerMode.WORDED else self.answer.citations

    @property
    def sources(self) -> tuple[Citation, ...]:
        """The memories that a generated answer cites."""
        return self.answer.citations if self.answer.mode == AnswerMode.WORDED else ()

    @property
    def closest_beside(self) -> tuple[Citation, ...]:
        """The closest memories, if nothing answered: they are shown like sources."""
        return () if self.answer.citations else self.answer.closest[:MAX_CLOSEST]

    @property
    def closest_below(self) -> tuple[Citation, ...]:
        return self.answer.closest[:MAX_CLOSEST] if self.answer.citations else ()

    @property
    def has_aside(self) -> bool:
        return bool(self.sources or self.closest_beside)

    @property
    def is_unanswered(self) -> bool:
        return not self.answer.citations and not self.is_withheld


def link_citations(answer: Answer, number: int) -> SafeString | None:
    """Return a generated answer as escaped HTML with linked citations, or None for an extractive answer.

    number: of the exchange, since a page has several.
    """
    if answer.mode != AnswerMode.WORDED or not answer.citations:
        return None
    linked = CITATION.sub(
        lambda match: format_html('<a href="#source-{}-{}">[{}]</a>', number, match[1], match[1]),
        escape(answer.text),
    )
    return mark_safe(linked)  # noqa: S308 - escaped above # nosec B308 B703
