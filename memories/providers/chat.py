"""The chat model, if one is configured: messages in, text out, or one error with its reason.

Uses LangChain, which takes seconds to import and so is imported on first use. Requests are not retried.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from core.circuit_breaker import CircuitBreaker
from core.hosts import OPENAI_URL
from memories.providers.chat_settings import ChatSettings
from memories.providers.embeddings import ProviderError, ProviderUnavailable

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel

Message = tuple[str, str]  # role (system, human, ai) and text
OPENAI = "openai"  # LangChain's name for any provider with that API
# Errors that one question can cause alone: rejected as too long or by a filter; an empty answer.
QUERY_ERRORS = {"rejected", "bad_answer"}
MAX_STREAMS = 64  # per process; a stream holds no thread

logger = logging.getLogger(__name__)
_breaker = CircuitBreaker()


class ChatUnavailable(ProviderError):
    """The chat model gave no answer. retry_after_s: if the provider sent it. Code and message never contain a text.

    Codes: timeout, rate_limited, unreachable, server_error, bad_answer, rejected, unauthorized, not_found,
    misconfigured; without a request to the provider: busy, left_alone (open circuit breaker) and off.
    """

    def __init__(self, code: str, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


def is_configured() -> bool:
    return bool(settings.CHAT.model)


def get_provider_name() -> str:
    """Return the host that receives the texts, for display; empty without a chat model."""
    return settings.CHAT.host if is_configured() else ""


def is_hosted() -> bool:
    """Return whether texts leave this machine."""
    return is_configured() and settings.CHAT.is_hosted


def complete_chat(messages: Sequence[Message]) -> str:
    """Return the whole answer. Raises ChatUnavailable.

    This blocks the calling thread, so at most half of the web threads may wait here; further calls fail at once.
    """
    with _acquire_slot(_get_thread_slots()):
        try:
            return _check_answer(str(_get_model(settings.CHAT).invoke(list(messages)).text))
        except Exception as error:  # noqa: BLE001 - each provider's library has its own errors
            problem = _map_error(error)
        raise _record_failure(problem)  # outside `except`, so that no traceback contains the request


async def stream_chat(
    messages: Sequence[Message], *, answer_tokens: int | None = None, timeout_s: float | None = None
) -> AsyncIterator[str]:
    """Yield the answer in chunks without holding a thread. Raises ChatUnavailable, also during the answer.

    The settings limit the answer; answer_tokens, timeout_s: lower limits. A failure within lower limits is logged, but
    does not open the circuit breaker: the model may be able to answer without them.
    """
    chat = _limit_answer(settings.CHAT, answer_tokens, timeout_s)
    opens_breaker = chat == settings.CHAT
    with _acquire_slot(_get_stream_slots()):
        answer = ""
        try:
            async for piece in _iterate_chunks(messages, chat):
                answer += piece
                yield piece
            _check_answer(answer)
            return
        except Exception as error:  # noqa: BLE001 - as above
            problem = _map_error(error)
        raise _record_failure(problem, opens_breaker=opens_breaker)


def _limit_answer(chat: ChatSettings, answer_tokens: int | None, timeout_s: float | None) -> ChatSettings:
    return replace(
        chat,
        answer_tokens=min(chat.answer_tokens, answer_tokens or chat.answer_tokens),
        timeout_s=min(chat.timeout_s, timeout_s or chat.timeout_s),
    )


async def _iterate_chunks(messages: Sequence[Message], chat: ChatSettings) -> AsyncIterator[str]:
    client, model = await asyncio.to_thread(_build_stream_model, chat)
    async with client:
        # The deadline starts here: loading the library on first use does not count.
        deadline = asyncio.get_running_loop().time() + chat.timeout_s
        chunks = model.astream(list(messages))
        while True:
            # Applied to each chunk, so that it does not cancel the consumer.
            async with asyncio.timeout_at(deadline):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            if piece := str(chunk.text):
                yield piece


def _build_stream_model(chat: ChatSettings) -> "tuple[httpx.AsyncClient, BaseChatModel]":
    """Create a model with its own HTTP client: the libraries' shared one is bound to the first event loop.

    Runs in a thread, since creating a client reads all trusted certificates.
    """
    import httpx

    client = httpx.AsyncClient(timeout=chat.timeout_s)
    return client, _build_model(chat, client)


def reset_model() -> None:
    """Recreate the model on its next use and close the circuit breaker."""
    _breaker.reset()
    for cached in (_get_model, _get_thread_slots, _get_stream_slots):
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
    logger.warning("the chat model gave no answer", extra={"code": problem.code})
    return problem


def _map_error(error: Exception) -> ChatUnavailable:
    import httpx

    if isinstance(error, ChatUnavailable):
        return error
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return ChatUnavailable("timeout")
    if isinstance(error, httpx.TransportError):  # during a stream, where the library does not wrap it
        return ChatUnavailable("unreachable")
    if isinstance(error, ImportError):
        return ChatUnavailable("misconfigured")
    import openai

    from memories.providers.embeddings_openai import map_openai_error

    if not isinstance(error, openai.OpenAIError):
        return ChatUnavailable("bad_answer")
    known = map_openai_error(error)
    wait_s = known.retry_after_s if isinstance(known, ProviderUnavailable) else None
    return ChatUnavailable(known.code, retry_after_s=wait_s)


def _check_answer(answer: str) -> str:
    if not answer.strip():
        raise ChatUnavailable("bad_answer")
    return answer


@lru_cache(maxsize=1)
def _get_model(chat: ChatSettings) -> "BaseChatModel":
    return _build_model(chat)


def _build_model(chat: ChatSettings, client: "httpx.AsyncClient | None" = None) -> "BaseChatModel":
    from langchain.chat_models import init_chat_model

    from memories.providers.http_client import silence_loggers

    silence_loggers()
    options: dict[str, Any] = {"api_key": chat.api_key or "unused"}  # self-hosted servers may need none
    if chat.base_url:
        options["base_url"] = chat.base_url
    if chat.provider == OPENAI:
        from memories.providers.http_client import ProviderClient

        options |= (
            {"http_client": ProviderClient(chat.base_url or OPENAI_URL, chat.timeout_s)}
            if client is None
            else {"http_async_client": client}
        )
    model: BaseChatModel = init_chat_model(
        chat.model,
        model_provider=chat.provider,
        temperature=0,
        timeout=chat.timeout_s,
        max_tokens=chat.answer_tokens,
        max_retries=0,
        **options,
    )
    return model


@lru_cache(maxsize=1)
def _get_thread_slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


@lru_cache(maxsize=1)
def _get_stream_slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(MAX_STREAMS)
