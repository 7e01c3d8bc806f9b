"""The LangChain model for a chat server. Nothing is left to the libraries' own choice, such as the base URL.

LangChain takes seconds to import and so is imported on first use.
"""

import warnings
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from memories.providers.chat_api.errors import ChatUnavailable
from memories.providers.chat_api.habits import ChatHabits
from memories.providers.chat_settings import OPENAI, ChatSettings

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel

    from memories.providers.http_client import AsyncProviderClient

REASONING_TOKENS = 4_000  # for models that reason within the token limit


class NotStreamed(Exception):
    """The server answers in one piece although it was asked for a stream."""


def get_limit(chat: ChatSettings, habits: ChatHabits) -> int:
    """Return the maximum number of tokens of an answer with its reasoning."""
    return chat.answer_tokens + (REASONING_TOKENS if habits.reasons else 0)


def build_client(chat: ChatSettings) -> "AsyncProviderClient":
    """Create an HTTP client for one event loop. Runs in a thread: the first one reads all trusted certificates."""
    from memories.providers.http_client import AsyncProviderClient

    if chat.provider != OPENAI:
        raise ChatUnavailable("misconfigured")
    client = AsyncProviderClient(chat.url, chat.timeout_s)
    client.event_hooks["response"].append(_require_stream)
    if "Authorization" not in _build_headers(chat):
        client.event_hooks["request"].append(_remove_authorization)
    return client


def _build_headers(chat: ChatSettings) -> dict[str, str]:
    from memories.providers.embeddings_api import build_headers

    return build_headers(chat.url, chat.api_key)


async def _remove_authorization(request: "httpx2.Request") -> None:
    """Leave the key to the header `api-key`, for Azure, which takes the other one for a token of its own."""
    request.headers.pop("Authorization", None)


async def _require_stream(response: "httpx2.Response") -> None:
    """Raise NotStreamed for a whole answer in place of a stream, in which the library would find nothing."""
    if (
        "json" not in response.headers.get("Content-Type", "").lower()
        or response.status_code != HTTPStatus.OK
    ):
        return
    if orjson.loads(response.request.content).get("stream"):
        await response.aread()
        with suppress(ValueError, TypeError, KeyError):  # an error, which the library reports
            if orjson.loads(response.content)["choices"]:
                raise NotStreamed


def _split_url(url: str) -> tuple[str, dict[str, str]]:
    """Return the base URL without the endpoint's path, which people copy too, and the query: Azure's api-version."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return parts._replace(path=path, query="", fragment="").geturl(), dict(parse_qsl(parts.query))


def build_model(chat: ChatSettings, habits: ChatHabits, client: "AsyncProviderClient") -> "BaseChatModel":
    from memories.providers.http_client import ProviderClient, isolate_libraries, silence_loggers

    isolate_libraries()
    from langchain.chat_models import init_chat_model

    silence_loggers()
    # It quotes answers of an unusual form, such as a list of parts.
    warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)
    limit = {habits.limit_name: get_limit(chat, habits)} if habits.limit_name else None
    base_url, query = _split_url(chat.url)
    model: BaseChatModel = init_chat_model(
        chat.model,
        model_provider=chat.provider,
        base_url=base_url,
        default_query=query,
        default_headers={"api-key": _build_headers(chat)["api-key"]},
        api_key=chat.api_key or "unused",  # self-hosted servers may need none
        temperature=0 if habits.takes_temperature else None,
        timeout=chat.timeout_s,
        max_retries=0,
        # Both: the library builds the other one by itself, from the environment.
        http_client=ProviderClient(chat.url, chat.timeout_s),
        http_async_client=client,
        http_socket_options=(),
        use_responses_api=False,
        stream_usage=False,
        stream_chunk_timeout=None,
        extra_body=limit,
    )
    _keep_first_choice(model)
    return model


def _keep_first_choice(model: Any) -> None:
    """Drop parts of other answers than the first: some servers mix several, though one was requested."""
    convert = model._convert_chunk_to_generation_chunk
    first: list[object] = []

    def convert_first(chunk: dict[str, Any], *arguments: Any) -> Any:
        choices = chunk.get("choices") or []
        first.extend(choice.get("index") for choice in choices[: not first])
        return convert(
            {**chunk, "choices": [each for each in choices if each.get("index") in first]}, *arguments
        )

    object.__setattr__(model, convert.__name__, convert_first)  # the library forbids other attributes
