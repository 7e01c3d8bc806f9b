"""Requests to the chat model: adapted to what its server accepts, and answers without the model's reasoning."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memories.providers.chat_api.errors import ChatUnavailable
from memories.providers.chat_api.habits import (
    PROBE_MESSAGES,
    REJECTIONS,
    ChatHabits,
    adapt_to_error,
    begin_probe,
    get_habits,
    list_bare_habits,
    remember_habits,
)
from memories.providers.chat_api.langchain_model import NotStreamed, build_client, build_model, get_limit
from memories.providers.chat_api.reasoning_filter import ReasoningFilter
from memories.providers.chat_settings import ChatSettings

if TYPE_CHECKING:
    import openai

    from memories.providers.http_client import AsyncProviderClient

Message = tuple[str, str]  # role (system, human, ai) and text
CHARACTERS_PER_TOKEN = 16  # an answer with more of them is cut: not every server knows a limit
# How servers say that an answer is complete. Others are: length, content_filter, error, tool_calls.
COMPLETE = frozenset({"stop", "eos", "eos_token", "stop_sequence", "end_turn", "complete", "completed"})


@dataclass
class _Attempt:
    """What one request brought. finish_reason: as sent by the server; None if the stream ended without one."""

    output: ReasoningFilter
    finish_reason: str | None = None
    characters: int = 0  # with the reasoning
    yielded: int = 0  # characters

    @property
    def has_yielded(self) -> bool:
        return self.yielded > 0

    @property
    def is_cut(self) -> bool:
        return self.finish_reason is None or self.finish_reason.lower() not in COMPLETE


async def request_answer(
    messages: Sequence[Message], chat: ChatSettings, *, is_shown: bool, is_limited: bool = False
) -> AsyncGenerator[str, None]:
    """Yield the answer in chunks, without reasoning.

    Raises ChatUnavailable (cut: the answer is incomplete), the library's errors, and TimeoutError. is_shown: somebody
    sees the text, so what may turn out to be reasoning is not yielded. is_limited: a short answer, which does not show
    that the model never begins with reasoning.
    """
    client = await asyncio.to_thread(build_client, chat)
    async with client:
        # The deadline starts here: loading the library on first use does not count.
        exchange = _Exchange(chat, client, asyncio.get_running_loop().time() + chat.timeout_s)
        answer = exchange.answer(messages, is_shown=is_shown, is_limited=is_limited)
        async with aclosing(answer) as pieces:
            async for piece in pieces:
                yield piece


class _Exchange:
    """The requests for one answer, with one client and one deadline."""

    def __init__(self, chat: ChatSettings, client: "AsyncProviderClient", deadline: float) -> None:
        self._chat, self._client, self._deadline = chat, client, deadline

    async def answer(
        self, messages: Sequence[Message], *, is_shown: bool, is_limited: bool
    ) -> AsyncGenerator[str, None]:
        import openai

        has_headroom = was_silent = False  # headroom: beyond the tokens that are known to be needed
        while True:
            habits = get_habits(self._chat)
            is_unknown = habits.omits_opening is None
            output = ReasoningFilter(is_opened=bool(habits.omits_opening), is_held=is_unknown)
            attempt = _Attempt(output)
            try:
                used = replace(habits, reasons=habits.reasons or has_headroom)
                async with aclosing(self._stream(messages, used)) as chunks:
                    async for text, finish_reason in chunks:
                        attempt.finish_reason = finish_reason or attempt.finish_reason
                        attempt.characters += len(text)
                        if piece := output.feed(text):
                            attempt.yielded += len(piece)
                            yield piece
                        if attempt.characters > get_limit(self._chat, used) * CHARACTERS_PER_TOKEN:
                            attempt.finish_reason = "length"
                            break
            except openai.APIStatusError as error:
                if attempt.has_yielded or not (adapted := await self._adapt(habits, error)):
                    raise
                remember_habits(self._chat, adapted)
                continue
            except NotStreamed:
                remember_habits(self._chat, replace(habits, streams=False))
                continue
            rest = output.end()
            if len(rest) > (
                left := max(0, self._chat.answer_tokens * CHARACTERS_PER_TOKEN - attempt.yielded)
            ):
                attempt.finish_reason, rest = "length", rest[:left]
            is_silent = not attempt.has_yielded and not rest.strip()
            is_unsure = is_unknown and attempt.is_cut and not output.has_reasoning
            if output.is_unfinished or (is_unsure and is_shown):
                rest = ""
            is_empty = not attempt.has_yielded and not rest.strip()
            if attempt.is_cut and is_empty and not (has_headroom or habits.reasons):
                has_headroom, was_silent = True, is_silent  # the limit may have been used up by reasoning
                continue
            shows_form = not (is_limited or attempt.is_cut)
            needed_headroom = has_headroom and (was_silent or output.has_reasoning)
            _learn(self._chat, habits, attempt, needed_headroom=needed_headroom, shows_form=shows_form)
            if rest and not output.is_retracted:
                yield rest
            if output.is_retracted or (not attempt.is_cut and (is_empty or output.is_unfinished)):
                raise ChatUnavailable("bad_answer")
            if attempt.is_cut:
                raise ChatUnavailable("cut")
            return

    async def _adapt(self, habits: ChatHabits, error: "openai.APIStatusError") -> ChatHabits | None:
        """Return the habits for another try, None if the request itself was refused."""
        if adapted := adapt_to_error(habits, error.status_code, _read_body(error)):
            return adapted
        if error.status_code not in REJECTIONS or not begin_probe(self._chat):
            return None
        if await self._is_accepted(habits):
            return None
        for accepted in list_bare_habits(habits):
            if await self._is_accepted(accepted):
                break
        else:
            return None
        with_role = replace(accepted, takes_system_role=True)
        accepted = with_role if await self._is_accepted(with_role) else accepted
        with_temperature = replace(accepted, takes_temperature=True)
        return with_temperature if await self._is_accepted(with_temperature) else accepted

    async def _is_accepted(self, habits: ChatHabits) -> bool:
        import openai

        try:
            async with aclosing(self._stream(PROBE_MESSAGES, habits)) as chunks:
                with suppress(NotStreamed):  # which is an answer
                    await anext(chunks, None)
        except openai.APIStatusError as error:
            if error.status_code not in REJECTIONS:
                raise
            return False
        return True

    async def _stream(
        self, messages: Sequence[Message], habits: ChatHabits
    ) -> AsyncGenerator[tuple[str, str | None], None]:
        """Yield the text of each chunk, and why the answer ends if it says so."""
        model = await asyncio.to_thread(build_model, self._chat, habits, self._client)
        messages = list(messages if habits.takes_system_role else merge_roles(messages))
        if not habits.streams:
            async with asyncio.timeout_at(self._deadline):
                answer = await model.ainvoke(messages)
            yield (
                _replace_surrogates(str(answer.text)),
                answer.response_metadata.get("finish_reason") or "stop",
            )
            return
        chunks = model.astream(messages)
        try:
            while True:
                # Applied to each chunk, so that it does not cancel the consumer.
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield _replace_surrogates(str(chunk.text)), chunk.response_metadata.get("finish_reason")
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]


def merge_roles(messages: Sequence[Message]) -> list[Message]:
    """Return messages whose roles alternate, for a model without a system role: the user says that text, too."""
    merged: list[Message] = []
    for role, text in messages:
        role = "human" if role == "system" else role
        if not merged and role != "human":
            merged.append(("human", "\u2026"))
        if merged and merged[-1][0] == role:
            merged[-1] = (role, f"{merged[-1][1]}\n\n{text}")
        else:
            merged.append((role, text))
    return merged


def _learn(
    chat: ChatSettings, habits: ChatHabits, attempt: _Attempt, *, needed_headroom: bool, shows_form: bool
) -> None:
    output = attempt.output
    omits_opening = habits.omits_opening
    if output.was_unopened:
        omits_opening = True
    elif omits_opening and output.is_unfinished and not attempt.is_cut:
        omits_opening = None  # no closing tag: it may have stopped reasoning in this way
    elif omits_opening is None and shows_form:
        omits_opening = False
    reasons = habits.reasons or (output.has_reasoning if attempt.is_cut else needed_headroom)
    remember_habits(chat, replace(get_habits(chat), omits_opening=omits_opening, reasons=reasons))


def _replace_surrogates(text: str) -> str:
    """Return text that can be encoded: halves of a surrogate pair are joined, or replaced if they are alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _read_body(error: "openai.APIStatusError") -> str:
    try:
        return error.response.text
    except Exception:  # noqa: BLE001 - not read; the library has its own form
        return str(error.body)
