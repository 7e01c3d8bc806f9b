"""Links from the citations in a generated answer to its sources."""

import re

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from memories.persona.retrieval import Answer, AnswerMode

CITATION = re.compile(r"\[(\d{1,2})\]")


def link_citations(answer: Answer) -> SafeString | None:
    """Return a generated answer as escaped HTML with linked citations, or None for an extractive answer."""
    if answer.mode != AnswerMode.WORDED:
        return None
    linked = CITATION.sub(
        lambda match: format_html('<a href="#source-{}">[{}]</a>', match[1], match[1]), escape(answer.text)
    )
    return mark_safe(linked)  # noqa: S308 - escaped above # nosec B308 B703
