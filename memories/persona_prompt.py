"""What a chat model is asked for a persona, and which of its citations are believed.

Only the memories that retrieval found for this asker are in the prompt; nothing else is there to be talked out of it.
"""

import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from memories.llm import Message

BYTES_PER_TOKEN = 3  # of UTF-8: fewer than any tokenizer's average over English
TURNS = 6  # of a conversation, the last
TURN_CHARACTERS = 1_000
MARK = re.compile(r" ?\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]")
UNFINISHED = re.compile(r" ?(?:\[[\d\s,]{0,20})?$")


@dataclass(frozen=True)
class Turn:
    """A question that was asked before, and what was answered, as the caller tells it. Nothing of it is stored."""

    question: str
    answer: str


@dataclass(frozen=True)
class Fenced:
    """A memory as the prompt shows it."""

    number: int
    text: str
    created_at: datetime


def prompt(
    name: str, question: str, memories: Sequence[Fenced], turns: Sequence[Turn], *, nothing: str
) -> tuple[list[Message], int]:
    """The messages within CHAT_PROMPT_TOKENS, and how many of the memories, the best first, are in them."""
    from langchain_core.prompts import ChatPromptTemplate

    fence = secrets.token_hex(8)  # no memory can guess it, so none can end its own fence
    path = Path(settings.BASE_DIR) / "templates" / "prompts" / "persona.txt"
    rules = path.read_text(encoding="utf-8")
    left = settings.CHAT.prompt_tokens - _tokens(rules + name + question)
    shown: list[str] = []
    for memory in memories:
        block = _fenced(memory, fence)
        if shown and _tokens(block) > left:
            break
        shown.append(block)
        left -= _tokens(block)
    template = ChatPromptTemplate.from_messages(
        [("system", rules), ("placeholder", "{turns}"), ("human", "{question}")]
    )
    given = {"name": name, "fence": fence, "nothing": nothing, "memories": "\n".join(shown)}
    said = template.format_messages(**given, turns=_within(turns, left), question=question)
    return [(message.type, str(message.text)) for message in said], len(shown)


class Citing:
    """An answer as it comes: every [n] that is no number of the prompt is left out, and those that are noted."""

    def __init__(self, numbers: Collection[int]) -> None:
        self.cited: set[int] = set()
        self._numbers = numbers
        self._held = ""

    def take(self, piece: str) -> str:
        """What may be shown now: a mark that may be unfinished is held back."""
        text = self._held + piece
        unfinished = UNFINISHED.search(text)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return MARK.sub(self._believed, text[:cut])

    def rest(self) -> str:
        held, self._held = self._held, ""
        return MARK.sub(self._believed, held)

    def _believed(self, mark: re.Match[str]) -> str:
        known = [int(number) for number in mark[1].split(",") if int(number) in self._numbers]
        self.cited.update(known)
        blank = " " if mark[0].startswith(" ") else ""
        return "".join(f"{blank}[{number}]" for number in known)


def _fenced(memory: Fenced, fence: str) -> str:
    told = f'number="{memory.number}" date="{memory.created_at:%Y-%m-%d}"'
    return f"<memory-{fence} {told}>\n{memory.text}\n</memory-{fence}>"


def _within(turns: Sequence[Turn], left: int) -> list[Message]:
    """The last turns that fit, oldest first."""
    kept: list[Message] = []
    for turn in reversed(turns[-TURNS:]):
        asked, told = turn.question[:TURN_CHARACTERS], turn.answer[:TURN_CHARACTERS]
        left -= _tokens(asked + told)
        if left < 0:
            break
        kept = [("human", asked), ("ai", told), *kept]
    return kept


def _tokens(text: str) -> int:
    return len(text.encode()) // BYTES_PER_TOKEN + 1
