"""Why a chat model gave no answer: one error with a code, whatever the library raised."""

from typing import TYPE_CHECKING

from memories.providers.embeddings import ProviderError
from memories.providers.embeddings_api import PERMANENT_STATUS, TRANSIENT_STATUS, read_retry_after
from memories.providers.http_client import find_origin_error

if TYPE_CHECKING:
    import openai


class ChatUnavailable(ProviderError):
    """The chat model gave no answer. retry_after_s: if the provider sent it. Code and message never contain a text.

    Codes: timeout, rate_limited, unreachable, server_error, bad_answer, cut (the answer is incomplete), rejected,
    unauthorized, no_credit, not_found, redirected, misconfigured; without a request to the provider: busy, left_alone
    (open circuit breaker) and off.
    """

    def __init__(self, code: str, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


def map_error(error: Exception) -> ChatUnavailable:
    """Return the error for any exception of a request. What nobody foresaw is a bad answer, never an exception."""
    import httpx2
    import openai

    if isinstance(error, ChatUnavailable):
        return error
    if isinstance(error, ProviderError):
        return ChatUnavailable(error.code)
    if find_origin_error(error) is not None:
        return ChatUnavailable("redirected")
    if isinstance(error, TimeoutError | httpx2.TimeoutException | openai.APITimeoutError):
        return ChatUnavailable("timeout")
    # During a stream, the library does not wrap the first.
    if isinstance(error, httpx2.TransportError | openai.APIConnectionError):
        return ChatUnavailable("unreachable")
    if isinstance(error, ImportError):
        return ChatUnavailable("misconfigured")
    if isinstance(error, openai.APIStatusError):
        return _map_status(error)
    return ChatUnavailable("bad_answer")


def _map_status(error: "openai.APIStatusError") -> ChatUnavailable:
    status = error.status_code
    if status in PERMANENT_STATUS:
        return ChatUnavailable(PERMANENT_STATUS[status], f"HTTP {status}")
    if status >= 500 or status in TRANSIENT_STATUS:
        code = TRANSIENT_STATUS.get(status, "server_error")
        return ChatUnavailable(code, f"HTTP {status}", retry_after_s=read_retry_after(error.response.headers))
    return ChatUnavailable("rejected", f"HTTP {status}")
