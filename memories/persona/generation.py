"""Generated answers: a chat model answers from the retrieved memories and nothing else.

The model has no tools, and its output is sanitized while it streams: unknown citation numbers, images and links are
removed. If the model fails or cites nothing, the memories are quoted instead.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from django.db import Error

from accounts.rate_limits import RateLimitExceeded
from core.request_threads import run_in_thread
from memories.persona.hypothetical_memory import rewrite_question
from memories.persona.prompts import (
    NONE,
    REFUSAL,
    fit_prompt_budget,
    load_template,
    select_recent_turns,
    strip_marks,
)
from memories.persona.retrieval import (
    Answer,
    AnswerMode,
    Citation,
    PreparedAnswer,
    add_sources,
    get_no_answer_text,
)
from memories.providers import chat
from memories.providers.embeddings import ProviderError

logger = logging.getLogger(__name__)
# A citation such as [1] or [1, 2]; or the text of a link or image in brackets, with its URL.
BRACKETS = re.compile(r"!?\[([^\[\]\n]{0,200})\](\([^()\n]{0,600}\))?")
UNFINISHED = re.compile(r"!?(?:\[[^\[\]\n]{0,200}(?:\](?:\([^()\n]{0,600})?)?)?\Z")
NUMBERS = re.compile(r"\s*\d{1,2}(?:\s*,\s*\d{1,2})*\s*")


async def generate_answer(prepared: PreparedAnswer) -> Answer:
    """Return the answer: generated if a model may read the sources and succeeds, else quoted; never an error."""
    async with aclosing(stream_answer(prepared)) as parts:  # type: ignore[type-var]
        return [each async for each in parts if isinstance(each, Answer)][-1]


async def stream_answer(prepared: PreparedAnswer) -> AsyncIterator[str | Answer]:
    """Yield the text in chunks, then the complete Answer, which replaces them all, also by quotations."""
    prepared = await complete_sources(prepared)
    if not prepared.sources:
        yield prepared.quoted
        return
    cleaner = _OutputCleaner(len(prepared.sources))
    try:
        messages = await asyncio.to_thread(_build_messages, prepared)  # loads a library on first use
        async with aclosing(chat.stream_chat(messages)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if text := cleaner.feed(piece):
                    yield text
        if (text := cleaner.end()) and not cleaner.is_none:
            yield text
    except ProviderError:  # logged by providers/chat.py
        yield replace(prepared.quoted, degraded=True)
        return
    yield _finish_answer(prepared, cleaner)


async def complete_sources(prepared: PreparedAnswer) -> PreparedAnswer:
    """Return the answer with the sources that the model reads: also those that the rewritten question finds.

    Calling it again changes nothing.
    """
    if prepared.is_complete:
        return prepared
    rewritten = await rewrite_question(prepared) if prepared.may_generate else ""
    if rewritten:
        try:
            prepared = await run_in_thread(partial(add_sources, prepared, rewritten))
        except (Error, RateLimitExceeded):  # the response may have begun, and there are sources for it
            logger.warning("a rewritten question was not searched", exc_info=True)
    fitting = fit_prompt_budget(prepared.sources, _format_source) or prepared.sources[:1]
    return replace(prepared, sources=tuple(fitting), is_complete=True)


def _finish_answer(prepared: PreparedAnswer, cleaner: "_OutputCleaner") -> Answer:
    if cleaner.is_none:
        found = prepared.quoted.citations + prepared.quoted.closest
        return Answer(get_no_answer_text(), (), AnswerMode.WORDED, prepared.quoted.degraded, closest=found)
    cited = tuple(source for source in prepared.sources if source.number in cleaner.cited)
    if not cited:  # without citations the source is unknown
        return replace(prepared.quoted, degraded=True)
    return Answer(cleaner.text.strip(), cited, AnswerMode.WORDED, prepared.quoted.degraded)


def _build_messages(prepared: PreparedAnswer) -> list[chat.Message]:
    messages = load_template("persona").format_messages(
        name=prepared.about.name,
        fence=f"--- {secrets.token_hex(8)} ---",  # unpredictable for a memory's author
        memories="\n\n".join(_format_source(source) for source in prepared.sources),
        turns=[(turn.role, turn.text) for turn in select_recent_turns(prepared.turns)],
        question=prepared.question,
    )
    return [(message.type, str(message.text)) for message in messages]


def _format_source(source: Citation) -> str:
    dates = f"{source.memory.created_at:%Y-%m-%d}"
    if source.memory.superseded_by is not None:
        dates += f" until {source.memory.superseded_by.created_at:%Y-%m-%d}"
    return f"[{source.number}] ({dates}) {source.text}"


class _OutputCleaner:
    """Sanitizes the model's output; an open bracket is held back until it is closed."""

    def __init__(self, sources: int) -> None:
        self.text = ""
        self.cited: set[int] = set()
        self._sources = range(1, sources + 1)
        self._held = ""

    def feed(self, piece: str) -> str:
        self._held += piece
        if not self.text and (NONE.startswith(strip_marks(self._held)) or REFUSAL.match(self._held)):
            return ""
        unfinished = UNFINISHED.search(self._held)
        return self._release_text(unfinished.start() if unfinished else len(self._held))

    def end(self) -> str:
        return self._release_text(len(self._held))

    @property
    def is_none(self) -> bool:
        """Whether the model refused: an answer that only begins with the word cites a memory."""
        return not self.cited and bool(REFUSAL.match(self.text) or strip_marks(self.text) == NONE)

    def _release_text(self, until: int) -> str:
        text, self._held = BRACKETS.sub(self._replace_bracket, self._held[:until]), self._held[until:]
        self.text += text
        return text

    def _replace_bracket(self, match: re.Match[str]) -> str:
        inner, url = match[1], match[2]
        if NUMBERS.fullmatch(inner):
            known = [number for number in map(int, inner.split(",")) if number in self._sources]
            self.cited.update(known)
            return "".join(f"[{number}]" for number in known)
        return inner if url or match[0].startswith("!") else match[0]
