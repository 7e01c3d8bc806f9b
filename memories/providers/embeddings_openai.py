"""Embeddings by OpenAI or any server with its API (Ollama, vLLM, llama.cpp, ...).

Requests are not retried here; the indexing worker does that.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from core.hosts import OPENAI_URL
from memories.providers.embeddings import ProviderError, ProviderRejected, ProviderUnavailable

if TYPE_CHECKING:
    import openai
    from langchain_openai import OpenAIEmbeddings

# At DEBUG these loggers write whole requests, including texts and URLs.
VERBOSE_LOGGERS = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "langchain_openai")
# RFC 9110 15.5.9, 15.5.10, RFC 8470 5.2, RFC 6585 4: the same request may succeed later.
TRANSIENT_STATUS = {408: "timeout", 409: "server_error", 425: "server_error", 429: "rate_limited"}
PERMANENT_STATUS = {401: "unauthorized", 403: "unauthorized", 404: "not_found"}


class OpenAICompatibleEmbeddings:
    """The model EMBEDDING_MODEL at OPENAI_BASE_URL; texts leave this machine.

    Creating it raises ProviderRejected (misconfigured) for OpenAI itself without a key.
    """

    def __init__(self) -> None:
        self.dimensions: int = settings.EMBEDDING_DIMENSIONS
        self._base_url: str = settings.OPENAI_BASE_URL or OPENAI_URL
        if not settings.OPENAI_API_KEY and not settings.OPENAI_BASE_URL:
            raise ProviderRejected("misconfigured", "OPENAI_API_KEY is not set")
        self.identity = f"openai:{settings.EMBEDDING_MODEL}@{_get_origin(self._base_url)}"

    def embed_query(self, text: str) -> list[float]:
        """Return the server's vector, not normalized. Raises ProviderUnavailable or ProviderRejected."""
        vectors = self.embed_documents([text])
        if len(vectors) != 1:
            raise ProviderUnavailable("bad_answer", f"asked for 1 vector, got {len(vectors)}")
        return vectors[0]

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the server's vectors in order, not normalized. Raises ProviderUnavailable or ProviderRejected."""
        import openai

        try:
            vectors = self._client.embed_documents(list(texts))
            return [list(vector) for vector in vectors]  # a missing one raises
        except openai.OpenAIError as error:
            problem = map_openai_error(error)
        except (ValueError, TypeError, KeyError, AttributeError):  # the response is not the API's JSON
            problem = ProviderUnavailable("bad_answer")
        # Raised outside `except`, so that no traceback contains the library's error with the request.
        raise problem

    @cached_property
    def _client(self) -> "OpenAIEmbeddings":
        from langchain_openai import OpenAIEmbeddings  # takes seconds to import
        from pydantic import SecretStr

        from memories.providers.http_client import ProviderClient

        silence_loggers()
        return OpenAIEmbeddings(
            model=settings.EMBEDDING_MODEL,
            dimensions=self.dimensions,
            api_key=SecretStr(settings.OPENAI_API_KEY or "unused"),  # self-hosted servers may need none
            base_url=self._base_url,
            timeout=settings.EMBEDDING_TIMEOUT_S,
            http_client=ProviderClient(self._base_url, settings.EMBEDDING_TIMEOUT_S),
            max_retries=0,
            check_embedding_ctx_length=False,  # otherwise it downloads a tiktoken table and sends token ids
            model_kwargs={"encoding_format": "float"},  # only OpenAI supports the default, base64
        )


def _get_origin(url: str) -> str:
    """Return scheme, host and port, without a password in the URL."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def silence_loggers() -> None:
    for name in VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def map_openai_error(error: "openai.OpenAIError") -> ProviderError:
    """Return the provider error for a library error, without the request's content."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return ProviderUnavailable("timeout")
    if isinstance(error, openai.APIConnectionError):
        return ProviderUnavailable("unreachable")
    if not isinstance(error, openai.APIStatusError):
        return ProviderUnavailable("bad_answer")
    status = error.status_code
    if status >= 500 or status in TRANSIENT_STATUS:
        code = TRANSIENT_STATUS.get(status, "server_error")
        wait_s = parse_retry_after(error.response.headers.get("retry-after"))
        return ProviderUnavailable(code, f"HTTP {status}", retry_after_s=wait_s)
    return ProviderRejected(PERMANENT_STATUS.get(status, "rejected"), f"HTTP {status}")


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 10.2.3: seconds or a date), None if it is invalid."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": UTC without information about the local zone
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
