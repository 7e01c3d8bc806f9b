"""What the persona's prompts have in common: templates, their limits, and the word with which a model refuses."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings

from memories.persona.answers import ChatTurn, remove_citations
from memories.validation import limits

if TYPE_CHECKING:
    from langchain_core.prompts import ChatPromptTemplate

T = TypeVar("T")

NONE = "NONE"  # the model's output if it has no answer; some models add a reason, before or after it
REFUSAL = re.compile(rf"[\W_]*{NONE}[\W_]*(?:\Z|(?<=[^\w\s])|(?<=\n))")  # the word as a sentence of its own
UNCITED_REFUSAL = re.compile(rf"[\W_]*(?:answer\W+)?{NONE}\b", re.IGNORECASE)
FINAL_REFUSAL = re.compile(rf"[\W_]{NONE}[\W_]*\Z")
TURNS = 6  # most recent turns sent to the model


@cache
def load_template(name: str) -> "ChatPromptTemplate":
    """Return a system prompt of templates/prompts, followed by the turns and the question. Loads a library."""
    from langchain_core.prompts import ChatPromptTemplate

    text = (settings.BASE_DIR / f"templates/prompts/{name}.txt").read_text(encoding="utf-8")
    return ChatPromptTemplate([("system", text), ("placeholder", "{turns}"), ("human", "{question}")])


def select_recent_turns(turns: Sequence[ChatTurn]) -> list[ChatTurn]:
    """Return the most recent turns that fit, without citations: their numbers are those of other sources."""
    recent = [ChatTurn(turn.role, remove_citations(turn.text)) for turn in turns[: -TURNS - 1 : -1]]
    return fit_prompt_budget(recent, lambda turn: turn.text)[::-1]


def fit_prompt_budget(items: Iterable[T], text_of: Callable[[T], str]) -> list[T]:
    """Return the first items that fit into half of the prompt; memories and turns get one half each."""
    fitting: list[T] = []
    left = settings.CHAT.prompt_tokens * limits.BYTES_PER_TOKEN // 2
    for item in items:
        left -= len(text_of(item).encode())
        if left < 0:
            break
        fitting.append(item)
    return fitting


def is_refusal(output: str, *, has_citations: bool) -> bool:
    """Return whether the model says that it has no answer. An answer that only begins with the word cites a memory."""
    if REFUSAL.match(output):
        return True
    return not has_citations and bool(UNCITED_REFUSAL.match(output) or FINAL_REFUSAL.search(output))
