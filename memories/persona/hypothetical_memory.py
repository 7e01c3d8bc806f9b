"""Question rewriting: a chat model states the memory that would answer a question, which finds more memories.

The model gets the question and the conversation's earlier turns, but no memory. What it returns is only a search query,
beside the question, and is never shown. Without it, the question alone is searched (docs/decisions/0029).
"""

import asyncio
import re
from contextlib import aclosing

from django.conf import settings

from memories.persona.prompts import is_refusal, load_template, select_recent_turns
from memories.persona.retrieval import PreparedAnswer
from memories.providers import chat
from memories.providers.chat_api.requests import Message
from memories.providers.embeddings import ProviderError
from memories.validation import limits

TIMEOUT_S = 8.0  # a rewriting that takes longer is not worth the wait
ANSWER_TOKENS = 80
CHARACTERS = 300  # of the output; the rest is not read
WORD = re.compile(r"\w")


async def rewrite_question(prepared: PreparedAnswer) -> str:
    """Return a statement that would answer the question; empty if the model has none, fails, or is not to be asked."""
    if not settings.CHAT.rewrites_questions:
        return ""
    output = ""
    try:
        messages = await asyncio.to_thread(_build_messages, prepared)  # loads a library on first use
        pieces = chat.stream_chat(messages, answer_tokens=ANSWER_TOKENS, timeout_s=TIMEOUT_S)
        async with aclosing(pieces):
            async for piece in pieces:
                output += piece
    except ProviderError as error:  # logged by providers/chat.py
        if error.code != "cut":
            return ""
    return clean_output(output)


def clean_output(output: str) -> str:
    """Return the first line, without quotation and list marks; empty if the model refused or said nothing."""
    line = output.strip()[:CHARACTERS].partition("\n")[0]
    line = limits.clean_query(line).strip("-*\"'`\u201c\u201d ")
    return "" if is_refusal(line, has_citations=False) or not WORD.search(line) else line


def _build_messages(prepared: PreparedAnswer) -> list[Message]:
    messages = load_template("rewriting").format_messages(
        name=prepared.about.name,
        turns=[(turn.role, turn.text) for turn in select_recent_turns(prepared.turns)],
        question=prepared.question,
    )
    return [(message.type, str(message.text)) for message in messages]
