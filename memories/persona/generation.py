"""Generated answers: a chat model answers from the retrieved memories and nothing else.

The model has no tools, and its output is sanitized while it streams (model_output.py). If the model fails, breaks off
or cites nothing, the memories are quoted instead.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from django.db import Error

from accounts.actor import Actor
from accounts.rate_limits import RateLimitExceeded
from core.request_threads import run_in_thread
from memories.persona.answers import Answer, AnswerMode, Citation, format_day, get_no_answer_text
from memories.persona.hypothetical_memory import rewrite_question
from memories.persona.model_output import ModelOutput
from memories.persona.plain_text import find_urls
from memories.persona.prompts import fit_prompt_budget, load_template, select_recent_turns
from memories.persona.retrieval import PreparedAnswer, add_sources
from memories.providers import chat
from memories.providers.chat_api.requests import Message
from memories.providers.embeddings import ProviderError

logger = logging.getLogger(__name__)


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
    output = ModelOutput(
        {source.number for source in prepared.sources},
        find_urls((prepared.question, *(source.text for source in prepared.sources))),
    )
    try:
        messages = await asyncio.to_thread(_build_messages, prepared)  # loads a library on first use
        async with aclosing(chat.stream_chat(messages)) as pieces:
            async for piece in pieces:
                if text := output.feed(piece):
                    yield text
        if text := output.end():
            yield text
    except ProviderError:  # logged by providers/chat.py
        yield replace(prepared.quoted, degraded=True)
        return
    yield _finish_answer(prepared, output)


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
    fitting = (
        fit_prompt_budget(prepared.sources, partial(_format_source, prepared.actor)) or prepared.sources[:1]
    )
    return replace(prepared, sources=tuple(fitting), is_complete=True)


def _finish_answer(prepared: PreparedAnswer, output: ModelOutput) -> Answer:
    if output.is_none:
        found = prepared.quoted.citations + prepared.quoted.closest
        return Answer(get_no_answer_text(), (), AnswerMode.WORDED, prepared.quoted.degraded, closest=found)
    cited = tuple(source for source in prepared.sources if source.number in output.cited)
    if not cited:  # without citations the source is unknown
        return replace(prepared.quoted, degraded=True)
    return Answer(output.text, cited, AnswerMode.WORDED, prepared.quoted.degraded)


def _build_messages(prepared: PreparedAnswer) -> list[Message]:
    messages = load_template("persona").format_messages(
        name=prepared.about.name,
        fence=f"--- {secrets.token_hex(8)} ---",  # unpredictable for a memory's author
        memories="\n\n".join(_format_source(prepared.actor, source) for source in prepared.sources),
        turns=[(turn.role, turn.text) for turn in select_recent_turns(prepared.turns)],
        question=prepared.question,
    )
    return [(message.type, str(message.text)) for message in messages]


def _format_source(actor: Actor, source: Citation) -> str:
    dates = format_day(actor, source.memory.created_at)
    if source.memory.superseded_by is not None:
        dates += f" until {format_day(actor, source.memory.superseded_by.created_at)}"
    return f"[{source.number}] ({dates}) {source.text}"
