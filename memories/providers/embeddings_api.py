"""OpenAI's embeddings API as servers speak it: forms of a request, and what an answer or a refusal says.

https://platform.openai.com/docs/api-reference/embeddings. Servers differ in the optional fields that they take.
"""

import base64
import binascii
import math
import re
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx2

from memories.providers.embeddings import ProviderError, ProviderRejected, ProviderUnavailable

# RFC 9110 15.5.9, 15.5.10, RFC 8470 5.2, RFC 6585 4: the same request may succeed later.
TRANSIENT_STATUS = {408: "timeout", 409: "server_error", 425: "server_error", 429: "rate_limited"}
PERMANENT_STATUS = {
    401: "unauthorized",
    402: "no_credit",
    403: "unauthorized",
    404: "not_found",
    405: "not_found",
    501: "not_found",
}
AZURE_DOMAINS = (".azure.com", ".azure-api.net")
# Some servers, such as llama.cpp, answer with status 500 what others answer with 400.
_REFUSAL_WORDS = re.compile(
    r"too (large|long|many|big)|context (length|size)|batch size|exceed|dimensions|encoding_format|not support"
    r"|unsupported|invalid (input|param|request)",
    re.IGNORECASE,
)
_COUNT_WORDS = re.compile(r"batch|inputs?\b|array|items|texts|larger|maximum", re.IGNORECASE)
_LEAST_SUGGESTION = 4  # smaller numbers in a message are rarely a maximum


@dataclass(frozen=True)
class RequestForm:
    """Which optional fields a request has, and whether a single text is sent as a list."""

    has_dimensions: bool = True
    has_encoding: bool = True
    is_list: bool = True

    def build_body(self, model: str, texts: Sequence[str], dimensions: int) -> dict[str, Any]:
        body: dict[str, Any] = {"model": model, "input": list(texts) if self.is_list else texts[0]}
        if self.has_encoding:
            body["encoding_format"] = "float"  # not every server supports base64
        if self.has_dimensions:
            body["dimensions"] = dimensions
        return body

    def describe(self) -> list[str]:
        """Return how this form differs from the fullest one, in words for the operator."""
        left_out = {
            "dimensions": self.has_dimensions,
            "encoding_format": self.has_encoding,
        }
        words = [f"without {name}" for name, is_sent in left_out.items() if not is_sent]
        return [*words, *([] if self.is_list else ["one text per request, not as a list"])]


def list_forms(*, may_ask_dimensions: bool) -> list[RequestForm]:
    """Return the forms to try, the fullest first."""
    fields = [(True, True), (False, True), (True, False), (False, False)]
    forms = [RequestForm(*each) for each in fields if may_ask_dimensions or not each[0]]
    return [*forms, replace(forms[-1], is_list=False)]


class RefusedRequest(Exception):
    """The server refuses this request as it is: its form, its size or its texts. `words`: its reasons, never logged."""

    def __init__(self, status: int, words: str = "", *, position: int = 0) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.words = words
        self.position = position  # of the text that is refused on its own

    def suggest_size(self, size: int) -> int:
        """Return how many of `size` texts to send at once instead: the maximum that the server names, else half."""
        if _COUNT_WORDS.search(self.words):
            numbers = [int(number) for number in re.findall(r"(?<![\d.])\d{1,5}(?![\d.]\d)", self.words)]
            if fitting := [number for number in numbers if _LEAST_SUGGESTION <= number < size]:
                return max(fitting)
        return math.ceil(size / 2)


def build_url(base_url: str) -> httpx2.URL:
    """Return the endpoint's URL. The base URL's query stays: Azure has api-version there."""
    url = httpx2.URL(base_url)
    path = url.path.rstrip("/")
    return url.copy_with(path=path if path.endswith("/embeddings") else f"{path}/embeddings")


def build_headers(base_url: str, api_key: str) -> dict[str, str]:
    """Return the headers with the key. Azure and gateways like it read it from `api-key`, other servers ignore that."""
    key = api_key or "unused"  # self-hosted servers may need none
    host = urlsplit(base_url).hostname or ""
    is_azure = host.endswith(AZURE_DOMAINS) or "api-version=" in urlsplit(base_url).query
    return {"api-key": key} if is_azure else {"Authorization": f"Bearer {key}", "api-key": key}


def parse_vectors(response: httpx2.Response, count: int) -> list[list[float]]:
    """Return the vectors of a successful response in the order of the texts.

    Raises RefusedRequest, ProviderUnavailable or ProviderRejected.
    """
    answer = _read_object(response)
    if answer is None:
        raise ProviderUnavailable("bad_answer", "the answer is not a JSON object")
    rows = answer.get("data")
    if not rows and (error := answer.get("error")):  # gateways wrap the error of another server in a 200
        code = error.get("code") if isinstance(error, dict) else None
        raise_for_status(code if isinstance(code, int) else HTTPStatus.OK, _read_words(answer), response)
        raise ProviderUnavailable("bad_answer", "the answer is an error")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProviderUnavailable("bad_answer", "the answer has no vectors")
    if len(rows) != count:
        raise ProviderUnavailable("bad_answer", f"asked for {count} vectors, got {len(rows)}")
    return [_decode_vector(row.get("embedding")) for row in _sort_rows(rows)]


def raise_for_response(response: httpx2.Response) -> None:
    """Raise RefusedRequest, ProviderUnavailable or ProviderRejected, unless the status is a success."""
    if response.is_success:
        return
    raise_for_status(response.status_code, _read_words(_read_object(response) or {}), response)
    raise ProviderUnavailable("bad_answer", f"HTTP {response.status_code}")


def raise_for_status(status: int, words: str, response: httpx2.Response) -> None:
    """Raise what an error status means; nothing for other statuses. words: the server's message."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and _REFUSAL_WORDS.search(words):
        raise RefusedRequest(status, words)
    if code := PERMANENT_STATUS.get(status):
        raise ProviderRejected(code, f"HTTP {status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TRANSIENT_STATUS:
        wait_s = read_retry_after(response.headers)
        code = TRANSIENT_STATUS.get(status, "server_error")
        raise ProviderUnavailable(code, f"HTTP {status}", retry_after_s=wait_s)
    if status >= HTTPStatus.BAD_REQUEST:
        raise RefusedRequest(status, words)


def map_http_error(error: httpx2.HTTPError) -> ProviderError:
    """Return the provider error for a request without a whole response, without the request's content."""
    from memories.providers.http_client import ForeignOrigin, ResponseTooLarge

    if isinstance(error, ForeignOrigin | httpx2.TooManyRedirects):
        message = "the server redirects to another host or scheme, which users have not agreed to"
        return ProviderRejected("redirected", message)
    if isinstance(error, httpx2.TimeoutException):
        return ProviderUnavailable("timeout")
    if isinstance(error, ResponseTooLarge | httpx2.DecodingError):
        return ProviderUnavailable("bad_answer")
    return ProviderUnavailable("unreachable")


def read_retry_after(headers: httpx2.Headers) -> float | None:
    """Return the seconds to wait, from Retry-After or OpenAI's finer retry-after-ms."""
    milliseconds = _parse_seconds(headers.get("retry-after-ms"))
    return milliseconds / 1000 if milliseconds is not None else parse_retry_after(headers.get("retry-after"))


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 10.2.3: seconds or a date), None if it is invalid."""
    if not header:
        return None
    if (seconds := _parse_seconds(header)) is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": UTC without information about the local zone
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _parse_seconds(header: str | None) -> float | None:
    """Return a plain decimal number, such as 1.5; None for anything else."""
    return float(header) if header and re.fullmatch(r"\s*\d{1,9}(\.\d*)?\s*", header, re.ASCII) else None


def _sort_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in the order of their `index`; as they are if they have none or all the same."""
    places = [row.get("index") for row in rows]
    if all(place == places[0] for place in places):
        return rows
    numbers = [place for place in places if isinstance(place, int)]
    if len(set(numbers)) != len(rows):
        raise ProviderUnavailable("bad_answer", "the vectors are not numbered one by one")
    return [row for _, row in sorted(zip(numbers, rows, strict=True), key=lambda pair: pair[0])]


def _decode_vector(value: object) -> list[float]:
    """Return a vector from a list, or from base64 of little-endian 32-bit floats."""
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        with suppress(binascii.Error, struct.error, ValueError):
            return [number for (number,) in struct.iter_unpack("<f", base64.b64decode(value, validate=True))]
    raise ProviderUnavailable("bad_answer", "a vector is neither a list nor base64")


def _read_object(response: httpx2.Response) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        answer = response.json()
        return answer if isinstance(answer, dict) else None
    return None


def _read_words(answer: dict[str, Any]) -> str:
    """Return the messages in an error response: of `error` (an object or a text), `message` and `detail`."""
    error = answer.get("error", answer)
    found = [error, answer] if isinstance(error, dict) else [{"message": error}, answer]
    return " ".join(
        str(each[key]) for each in found for key in ("message", "detail", "type") if each.get(key)
    )
