"""The chat model, where one is configured: texts in, words out, or one error that says why not.

LangChain speaks to it, and is imported at the first question: it takes seconds. Every request is sent once.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from core.circuit_breaker import CircuitBreaker
from memories.providers.chat_settings import ChatSettings
from memories.providers.embeddings import ProviderError, ProviderUnavailable

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel

Message = tuple[str, str]  # the role (system, human, ai), and its text
OPENAI = "openai"  # LangChain's name for whoever speaks that API
# What a question can come to while all others are answered: refused as too long or by a filter; answered by nothing.
QUERY_ERRORS = {"rejected", "bad_answer"}
MAX_STREAMS = 64  # of a process; a stream holds no thread

logger = logging.getLogger(__name__)
_breaker = CircuitBreaker()


class ChatUnavailable(ProviderError):
    """No answer now. retry_after_s: when the provider said so. Neither code nor message ever holds a text.

    Codes: timeout, rate_limited, unreachable, server_error, bad_answer, rejected, unauthorized, not_found,
    misconfigured; without asking the provider also busy, left_alone and off.
    """

    def __init__(self, code: str, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


def is_configured() -> bool:
    return bool(settings.CHAT.model)


def get_provider_name() -> str:
    """Who receives the texts, as a person may read it: the host; empty without a chat model."""
    return settings.CHAT.host if is_configured() else ""


def is_hosted() -> bool:
    """Whether texts leave this machine."""
    return is_configured() and settings.CHAT.is_hosted


def complete_chat(messages: Sequence[Message]) -> str:
    """The whole answer. Raises ChatUnavailable.

    The calling thread waits: so only half of the threads that answer requests may, and the others are told at once.
    """
    with _acquire_slot(_get_thread_slots()):
        try:
            return _check_answer(str(_get_model(settings.CHAT).invoke(list(messages)).text))
        except Exception as error:  # noqa: BLE001 - each provider's library has its own
            problem = _map_error(error)
        raise _record_failure(problem)  # out here, so that no traceback carries the request


async def stream_chat(messages: Sequence[Message]) -> AsyncIterator[str]:
    """The answer in pieces, as they come; no thread waits. Raises ChatUnavailable, also amid the answer."""
    with _acquire_slot(_get_stream_slots()):
        said = ""
        try:
            async for piece in _iterate_chunks(messages):
                said += piece
                yield piece
            _check_answer(said)
            return
        except Exception as error:  # noqa: BLE001 - as above
            problem = _map_error(error)
        raise _record_failure(problem)


async def _iterate_chunks(messages: Sequence[Message]) -> AsyncIterator[str]:
    client, model = await asyncio.to_thread(_build_stream_model, settings.CHAT)
    async with client:
        # From here: the first answer loads the library, which is not the provider's delay.
        deadline = asyncio.get_running_loop().time() + settings.CHAT.timeout_s
        chunks = model.astream(list(messages))
        while True:
            # Around each piece: it must not cancel whoever reads them.
            async with asyncio.timeout_at(deadline):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            if piece := str(chunk.text):
                yield piece


def _build_stream_model(chat: ChatSettings) -> "tuple[httpx.AsyncClient, BaseChatModel]":
    """With a client of its own: the libraries' shared one belongs to the event loop that used it first. Making one
    reads all certificates that are trusted, so it is made in a thread."""
    import httpx

    client = httpx.AsyncClient(timeout=chat.timeout_s)
    return client, _build_model(chat, client)


def reset_model() -> None:
    """Make the model anew at its next use, and believe in it again."""
    _breaker.reset()
    for made in (_get_model, _get_thread_slots, _get_stream_slots):
        made.cache_clear()


@contextmanager
def _acquire_slot(places: threading.BoundedSemaphore) -> Iterator[None]:
    """A place among those who wait. Raises ChatUnavailable when nobody is to be asked now."""
    if not is_configured():
        raise ChatUnavailable("off")
    if _breaker.is_open:
        raise ChatUnavailable("left_alone")
    if not places.acquire(blocking=False):
        raise ChatUnavailable("busy")
    try:
        yield
    finally:
        places.release()


def _record_failure(problem: ChatUnavailable) -> ChatUnavailable:
    """A provider that failed is left alone for a while. One that took a question amiss is not: others ask theirs."""
    if problem.code not in QUERY_ERRORS:
        _breaker.record_failure(problem.retry_after_s)
    logger.warning("the chat model gave no answer", extra={"code": problem.code})
    return problem


def _map_error(error: Exception) -> ChatUnavailable:
    import httpx

    if isinstance(error, ChatUnavailable):
        return error
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return ChatUnavailable("timeout")
    if isinstance(error, httpx.TransportError):  # amid a stream, where the library lets it through
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

    from memories.providers.embeddings_openai import silence_loggers

    silence_loggers()
    given: dict[str, Any] = {"api_key": chat.api_key or "unused"}  # a server of one's own may ask for none
    if chat.base_url:
        given["base_url"] = chat.base_url
    if chat.provider == OPENAI:
        from memories.providers.http_client import DeadlineClient

        own = (
            {"http_client": DeadlineClient(chat.timeout_s)}
            if client is None
            else {"http_async_client": client}
        )
        given |= own
    made: BaseChatModel = init_chat_model(
        chat.model,
        model_provider=chat.provider,
        temperature=0,
        timeout=chat.timeout_s,
        max_tokens=chat.answer_tokens,
        max_retries=0,
        **given,
    )
    return made


@lru_cache(maxsize=1)
def _get_thread_slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


@lru_cache(maxsize=1)
def _get_stream_slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(MAX_STREAMS)
