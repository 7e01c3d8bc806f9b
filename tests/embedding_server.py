"""A fake server of OpenAI's embeddings API with the habits of servers that people use: what they refuse, and how.

The vectors are those of tests.providers.WordHashes, cut or repeated to the model's width.
"""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.providers import DIMENSIONS, WordHashes

KEY = "sk-secret"


@dataclass(frozen=True)
class Habits:
    """What a server takes and how it answers. Each refusal has the status and the body of the server it imitates."""

    name: str
    width: int = DIMENSIONS  # of the model
    dimensions: str = "taken"  # or ignored, or refused with `refusal`
    takes_encoding: bool = True
    default_encoding: str = "float"
    takes_lists: bool = True
    max_texts: int = 2048
    max_characters: int = 100_000  # of a text; stands for the context length in tokens
    max_request_characters: int = 10_000_000  # of all texts
    key_header: str = "Authorization"
    api_version: str = ""  # required in the query
    order: str = "straight"  # of the rows: or reversed, or unnumbered
    wraps_errors: bool = False  # in a response with status 200
    refusal: tuple[int, dict[str, Any]] = (400, {"error": {"message": "Invalid request."}})
    too_many: tuple[int, dict[str, Any]] = (400, {"error": {"message": "Too many inputs in request."}})
    too_long: tuple[int, dict[str, Any]] = (400, {"error": {"message": "This text is too long."}})


def _say(message: str, **more: Any) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}
    }


SERVERS = [
    Habits("openai"),
    Habits(
        "ada-002",
        dimensions="refused",
        refusal=(400, _say("This model does not support specifying dimensions.")),
    ),
    Habits(
        "mem0",  # a server behind pydantic models that forbid unknown fields
        dimensions="refused",
        refusal=(
            422,
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "dimensions"], "msg": "Extra inputs"}]},
        ),
    ),
    Habits(
        "ollama",
        dimensions="ignored",
        max_characters=900,
        too_long=(
            400,
            {"error": {"message": "the input length exceeds the context length", "type": "api_error"}},
        ),
    ),
    Habits(
        "vllm",
        dimensions="refused",
        max_characters=900,
        refusal=(
            400,
            {
                "object": "error",
                "message": 'Model "m" does not support matryoshka representation, changing output dimensions will '
                "lead to poor results.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        too_long=(
            400,
            _say("This model's maximum context length is 512 tokens. However, you requested 900 tokens."),
        ),
    ),
    Habits(
        "lm-studio", dimensions="ignored", takes_encoding=False, refusal=(400, {"error": "'encoding_format'"})
    ),
    Habits(
        "openrouter",
        dimensions="refused",
        wraps_errors=True,
        refusal=(400, {"error": {"code": 400, "message": "Provider returned error"}}),
    ),
    Habits(
        "azure",
        key_header="api-key",
        api_version="2024-10-21",
        max_texts=16,
        too_many=(400, _say("Too many inputs. The max number of inputs is 16.")),
    ),
    Habits(
        "dashscope",
        max_texts=10,
        too_many=(
            400,
            _say(
                "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it should not be "
                "larger than 10.: input.contents"
            ),
        ),
    ),
    Habits(
        "tei",
        dimensions="ignored",
        max_texts=32,
        max_characters=900,
        too_many=(
            413,
            {"message": "batch size 64 > maximum allowed batch size 32", "code": 413, "type": "Validation"},
        ),
        too_long=(413, {"message": "`inputs` must have less than 512 tokens. Given: 900", "code": 413}),
    ),
    Habits(
        "llama.cpp",
        dimensions="ignored",
        max_characters=900,
        too_long=(
            500,
            {
                "error": {
                    "code": 500,
                    "message": "input (900 tokens) is too large to process. increase the physical batch size "
                    "(current batch size: 512)",
                    "type": "server_error",
                }
            },
        ),
    ),
    Habits(
        "base64-only", takes_encoding=False, default_encoding="base64", refusal=(400, _say("encoding_format"))
    ),
    Habits("reversed", order="reversed"),
    Habits("unnumbered", order="unnumbered"),
    Habits("one-text", takes_lists=False, refusal=(422, {"detail": "input: str type expected"})),
    Habits("small-requests", max_request_characters=3_000, too_many=(413, {})),
]


@dataclass
class Received:
    """One request: its path with the query, its headers and its body."""

    path: str
    headers: Message  # whose names are in any case
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        given = self.body["input"]
        return [given] if isinstance(given, str) else given


class EmbeddingServer(ThreadingHTTPServer):
    """Serves with `habits`, which can be changed. `location`: where it redirects every request, if anywhere.

    `refused`: a text that it refuses whatever its length. `is_failing`: whether it answers 500.
    """

    daemon_threads = True

    def __init__(self, habits: Habits) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.habits = habits
        self.location = self.refused = ""
        self.is_failing = False
        self.requests: list[Received] = []

    @property
    def url(self) -> str:
        """The value of OPENAI_BASE_URL."""
        version = self.habits.api_version
        base = f"http://127.0.0.1:{self.server_port}"
        return f"{base}/openai/deployments/my-own-name?api-version={version}" if version else f"{base}/v1"

    @property
    def variables(self) -> dict[str, str]:
        return {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": KEY}

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


@contextmanager
def running_embedding_server(habits: Habits = SERVERS[0]) -> Iterator[EmbeddingServer]:
    with EmbeddingServer(habits) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # one packet a response: a second one would wait for the acknowledgement of the first

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = Received(self.path, self.headers, body)
        self.server.requests.append(request)
        if self.server.location:
            self._send(307, {}, Location=self.server.location)
            return
        status, answer = self._refuse(request) or (200, self._embed(request))
        self._send(200 if self.server.habits.wraps_errors else status, answer)

    def _refuse(self, request: Received) -> tuple[int, dict[str, Any]] | None:
        habits, body = self.server.habits, request.body
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        key = request.headers.get(habits.key_header, "").removeprefix("Bearer ")
        if not path.endswith("/embeddings") or query.get("api-version", [""]) != [habits.api_version]:
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        if key != KEY:
            return 401, _say("Access denied due to invalid subscription key or wrong API endpoint.")
        if self.server.is_failing:
            return 500, _say("Internal error.")
        is_form_refused = (
            ("dimensions" in body and habits.dimensions == "refused")
            or ("encoding_format" in body and not habits.takes_encoding)
            or (isinstance(body["input"], list) and not habits.takes_lists)
        )
        if is_form_refused or self.server.refused in request.texts:
            return habits.refusal
        if (
            len(request.texts) > habits.max_texts
            or sum(map(len, request.texts)) > habits.max_request_characters
        ):
            return habits.too_many
        return habits.too_long if max(map(len, request.texts)) > habits.max_characters else None

    def _embed(self, request: Received) -> dict[str, Any]:
        habits, body = self.server.habits, request.body
        width = body.get("dimensions", habits.width) if habits.dimensions == "taken" else habits.width
        encoding = body.get("encoding_format", habits.default_encoding)
        rows = []
        for number, vector in enumerate(WordHashes().embed_documents(request.texts)):
            stretched = (vector * (width // len(vector) + 1))[:width]
            packed = base64.b64encode(struct.pack(f"<{width}f", *stretched)).decode()
            index = 0 if habits.order == "unnumbered" else number
            rows.append({"index": index, "embedding": packed if encoding == "base64" else stretched})
        if habits.order == "reversed":
            rows.reverse()
        return {
            "object": "list",
            "data": rows,
            "model": "m",
            "usage": {"prompt_tokens": 0, "total_tokens": 0},
        }

    def _send(self, status: int, answer: dict[str, Any], **headers: str) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
