"""The chat model, if one is configured: messages in, text out, or one error with its reason.

A request is repeated only if the server refuses its form (chat_api/requests.py).
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

from django.conf import settings

from core.circuit_breaker import CircuitBreaker
from memories.providers.chat_api.errors import ChatUnavailable, map_error
from memories.providers.chat_api.habits import PROBE_MESSAGES, ChatHabits, forget_habits, get_habits
from memories.providers.chat_api.requests import Message, request_answer
from memories.providers.chat_settings import ChatSettings

# Errors that one question can cause alone: rejected as too long or by a filter; an empty or cut answer.
QUERY_ERRORS = {"rejected", "bad_answer", "cut"}
MAX_STREAMS = 64  # per process; a stream holds no thread

logger = logging.getLogger(__name__)
_breaker = CircuitBreaker()


@dataclass(frozen=True)
class ChatAnswer:
    """An answer that was read to its end. is_cut: it is incomplete, because of a limit or an error."""

    text: str
    is_cut: bool


@dataclass(frozen=True)
class ChatProbe:
    """The result of a question without any user's text."""

    seconds: float
    habits: ChatHabits


def is_configured() -> bool:
    return bool(settings.CHAT.model)


def get_provider_name() -> str:
    """Return the host that receives the texts, for display; empty without a chat model."""
    return settings.CHAT.host if is_configured() else ""


def is_hosted() -> bool:
    """Return whether texts leave this machine."""
    return is_configured() and settings.CHAT.is_hosted


def complete_chat(messages: Sequence[Message], *, answer_tokens: int = 0) -> ChatAnswer:
    """Return the answer, also if it is incomplete. Raises ChatUnavailable if there is none.

    answer_tokens: a higher limit than that of the settings. This blocks the calling thread, so at most half of the web
    threads may wait here; further calls fail at once.
    """
    chat = replace(settings.CHAT, answer_tokens=max(settings.CHAT.answer_tokens, answer_tokens))
    with _acquire_slot(_get_thread_slots()):
        return asyncio.run(_collect_answer(messages, chat))


async def _collect_answer(messages: Sequence[Message], chat: ChatSettings) -> ChatAnswer:
    text, is_cut = "", False
    try:
        async with aclosing(_iterate_pieces(messages, chat, is_shown=False)) as pieces:
            async for piece in pieces:
                text += piece
    except ChatUnavailable:  # logged
        if not text.strip():
            raise
        is_cut = True
    return ChatAnswer(text, is_cut)


async def stream_chat(
    messages: Sequence[Message], *, answer_tokens: int | None = None, timeout_s: float | None = None
) -> AsyncGenerator[str, None]:
    """Yield the answer in chunks without holding a thread. Raises ChatUnavailable, also during the answer.

    The settings limit the answer; answer_tokens, timeout_s: lower limits, for a text that nobody sees: one that is cut
    off may be reasoning. A failure within lower limits is logged, but does not open the circuit breaker: the model may
    be able to answer without them.
    """
    chat = _limit_answer(settings.CHAT, answer_tokens, timeout_s)
    with _acquire_slot(_get_stream_slots()):
        is_limited = chat != settings.CHAT
        pieces = _iterate_pieces(messages, chat, is_shown=not is_limited, is_limited=is_limited)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece


async def probe_chat() -> ChatProbe:
    """Ask a fixed question, for operators. Raises ChatUnavailable, also while the circuit breaker is open."""
    chat = settings.CHAT
    if not is_configured():
        raise ChatUnavailable("off")
    started_at = time.monotonic()
    async with aclosing(_iterate_pieces(PROBE_MESSAGES, chat, is_shown=False)) as pieces:
        async for _piece in pieces:
            pass
    return ChatProbe(time.monotonic() - started_at, get_habits(chat))


async def _iterate_pieces(
    messages: Sequence[Message], chat: ChatSettings, *, is_shown: bool, is_limited: bool = False
) -> AsyncGenerator[str, None]:
    """Yield the answer in chunks. Raises ChatUnavailable after recording the failure."""
    try:
        async with aclosing(
            request_answer(messages, chat, is_shown=is_shown, is_limited=is_limited)
        ) as pieces:
            async for piece in pieces:
                yield piece
        return
    except Exception as error:  # noqa: BLE001 - the libraries have errors of their own
        problem = map_error(error)
    # Outside `except`, so that no traceback contains the request.
    raise _record_failure(problem, opens_breaker=not is_limited)


def _limit_answer(chat: ChatSettings, answer_tokens: int | None, timeout_s: float | None) -> ChatSettings:
    return replace(
        chat,
        answer_tokens=min(chat.answer_tokens, answer_tokens or chat.answer_tokens),
        timeout_s=min(chat.timeout_s, timeout_s or chat.timeout_s),
    )


def reset_model() -> None:
    """Forget what was learned about the model, and close the circuit breaker."""
    _breaker.reset()
    forget_habits()
    for cached in (_get_thread_slots, _get_stream_slots):
        cached.cache_clear()


@contextmanager
def _acquire_slot(slots: threading.BoundedSemaphore) -> Iterator[None]:
    """Hold one of the slots. Raises ChatUnavailable if the model must not be asked now."""
    if not is_configured():
        raise ChatUnavailable("off")
    if _breaker.is_open:
        raise ChatUnavailable("left_alone")
    if not slots.acquire(blocking=False):
        raise ChatUnavailable("busy")
    try:
        yield
    finally:
        slots.release()


def _record_failure(problem: ChatUnavailable, *, opens_breaker: bool = True) -> ChatUnavailable:
    """Log the failure and count it in the circuit breaker, unless it depends on this question only."""
    if opens_breaker and problem.code not in QUERY_ERRORS:
        _breaker.record_failure(problem.retry_after_s)
    logger.warning("the chat model gave no whole answer", extra={"fields": {"code": problem.code}})
    return problem


@lru_cache(maxsize=1)
def _get_thread_slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


@lru_cache(maxsize=1)
def _get_stream_slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(MAX_STREAMS)
