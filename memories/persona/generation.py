"""An answer in a chat model's words, made of what retrieval found for the asker and nothing else.

The model is asked for text and has no tools. What it says is cleaned on its way: numbers that no source has, pictures
and links are taken out. Where it fails or cites nothing, the memories are quoted instead.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings

from memories.persona.retrieval import (
    Answer,
    AnswerMode,
    ChatTurn,
    Citation,
    PreparedAnswer,
    get_no_answer_text,
)
from memories.providers import chat
from memories.providers.embeddings import ProviderError
from memories.validation import limits

if TYPE_CHECKING:
    from langchain_core.prompts import ChatPromptTemplate

T = TypeVar("T")

NONE = "NONE"  # what the model says when no memory answers
TURNS = 6  # of what was said before, the last ones
# A citation such as [1] or [1, 2]; the text of a link or picture in brackets, with its address.
BRACKETS = re.compile(r"!?\[([^\[\]\n]{0,200})\](\([^()\n]{0,600}\))?")
UNFINISHED = re.compile(r"!?(?:\[[^\[\]\n]{0,200}(?:\](?:\([^()\n]{0,600})?)?)?\Z")
NUMBERS = re.compile(r"\s*\d{1,2}(?:\s*,\s*\d{1,2})*\s*")


async def generate_answer(prepared: PreparedAnswer) -> Answer:
    """The answer, worded where a model may read the sources and answers; never an error."""
    async with aclosing(stream_answer(prepared)) as said:  # type: ignore[type-var]
        return [each async for each in said if isinstance(each, Answer)][-1]


async def stream_answer(prepared: PreparedAnswer) -> AsyncIterator[str | Answer]:
    """The words as they come, and at last the whole Answer, which stands for all of them: also where it quotes."""
    if not prepared.sources:
        yield prepared.quoted
        return
    prepared = replace(
        prepared, sources=tuple(_fit_prompt_budget(prepared.sources, _format_source)) or prepared.sources[:1]
    )
    cleaner = _OutputCleaner(len(prepared.sources))
    try:
        messages = await asyncio.to_thread(_build_messages, prepared)  # the first time, this loads a library
        async with aclosing(chat.stream_chat(messages)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if text := cleaner.feed(piece):
                    yield text
        if text := cleaner.end():
            yield text
    except ProviderError:  # llm.py has said so in the log
        yield replace(prepared.quoted, degraded=True)
        return
    yield _finish_answer(prepared, cleaner)


def _finish_answer(prepared: PreparedAnswer, cleaner: "_OutputCleaner") -> Answer:
    if cleaner.is_none:
        return Answer(get_no_answer_text(), (), AnswerMode.WORDED, prepared.quoted.degraded)
    cited = tuple(source for source in prepared.sources if source.number in cleaner.cited)
    if not cited:  # nobody could tell where it comes from
        return replace(prepared.quoted, degraded=True)
    return Answer(cleaner.said.strip(), cited, AnswerMode.WORDED, prepared.quoted.degraded)


def _build_messages(prepared: PreparedAnswer) -> list[chat.Message]:
    filled = _load_template().format_messages(
        name=prepared.about.name,
        fence=f"--- {secrets.token_hex(8)} ---",  # what a memory cannot know
        memories="\n\n".join(_format_source(source) for source in prepared.sources),
        turns=[(turn.role, turn.text) for turn in _select_recent_turns(prepared.turns)],
        question=prepared.question,
    )
    return [(message.type, str(message.text)) for message in filled]


@cache
def _load_template() -> "ChatPromptTemplate":
    from langchain_core.prompts import ChatPromptTemplate

    text = (settings.BASE_DIR / "templates/prompts/persona.txt").read_text(encoding="utf-8")
    return ChatPromptTemplate([("system", text), ("placeholder", "{turns}"), ("human", "{question}")])


def _format_source(source: Citation) -> str:
    return f"[{source.number}] ({source.memory.created_at:%Y-%m-%d}) {source.text}"


def _select_recent_turns(turns: Sequence[ChatTurn]) -> list[ChatTurn]:
    return _fit_prompt_budget(turns[: -TURNS - 1 : -1], lambda turn: turn.text)[::-1]


def _fit_prompt_budget(items: Iterable[T], text_of: Callable[[T], str]) -> list[T]:
    """As many, from the first on, as fit into half of a prompt: memories and turns have a half each."""
    kept: list[T] = []
    left = settings.CHAT.prompt_tokens * limits.BYTES_PER_TOKEN // 2
    for item in items:
        left -= len(text_of(item).encode())
        if left < 0:
            break
        kept.append(item)
    return kept


class _OutputCleaner:
    """What the model says, as far as it may be shown; a bracket is held back until it is closed."""

    def __init__(self, sources: int) -> None:
        self.said = ""
        self.cited: set[int] = set()
        self._sources = range(1, sources + 1)
        self._held = ""

    def feed(self, piece: str) -> str:
        self._held += piece
        if not self.said and NONE.startswith(self._held.strip()):
            return ""
        unfinished = UNFINISHED.search(self._held)
        return self._release_text(unfinished.start() if unfinished else len(self._held))

    def end(self) -> str:
        return "" if self.is_none else self._release_text(len(self._held))

    @property
    def is_none(self) -> bool:
        return (self.said + self._held).strip().rstrip(".") == NONE

    def _release_text(self, until: int) -> str:
        text, self._held = BRACKETS.sub(self._replace_bracket, self._held[:until]), self._held[until:]
        self.said += text
        return text

    def _replace_bracket(self, match: re.Match[str]) -> str:
        inner, address = match[1], match[2]
        if NUMBERS.fullmatch(inner):
            known = [number for number in map(int, inner.split(",")) if number in self._sources]
            self.cited.update(known)
            return "".join(f"[{number}]" for number in known)
        return inner if address or match[0].startswith("!") else match[0]
