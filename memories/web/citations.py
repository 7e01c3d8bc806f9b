"""Texts as pages show them: escaped, with what may be followed made a link."""

import re

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from memories.persona.retrieval import Answer, AnswerMode

CITATION = re.compile(r"\[(\d{1,2})\]")


def link_citations(answer: Answer) -> SafeString | None:
    """A worded answer, each citation a link to its source on the page. None for one that only quotes."""
    if answer.mode != AnswerMode.WORDED:
        return None
    linked = CITATION.sub(
        lambda match: format_html('<a href="#source-{}">[{}]</a>', match[1], match[1]), escape(answer.text)
    )
    return mark_safe(linked)  # noqa: S308 - escaped above # nosec B308 B703
