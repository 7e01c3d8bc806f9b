"""A fake OpenAI API over HTTP, for embeddings and chat, with the failures that such servers have.

All tests share one server in a thread. To try things by hand, `python -m tests.model_server` runs it alone and prints
the settings that make Picard use it.
"""

import json
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from email.message import Message
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import django

from memories.providers.chat_settings import ChatSettings
from tests.model_habits import ChatHabits, build_document, stream_lines

SAYS = ("Peanuts", " [1]", ".")
REWRITING_PROMPT = "You write a search query"  # how the prompt begins that rewrites a question
SLOW_S = 0.3
WAITS_S = 120.0  # maximum wait for `may_go_on`
RETRY_AFTER_S = 400  # longer than any back-off of the worker


class Mood(Enum):
    """How the server responds to a request."""

    WELL = "well"
    SLOW = "slow"
    FAILING = "failing"  # 500
    LIMITED = "limited"  # 429 with Retry-After
    REJECTING = "rejecting"  # 400 that quotes the texts
    DENYING = "denying"  # 401
    HANGING = "hanging"  # reads the request and sends nothing until the mood changes
    HANGING_UP = "hanging up"  # reads the request and closes the connection
    BABBLING = "babbling"  # the response is not JSON
    CUTTING = "cutting"  # the JSON is truncated
    SILENT = "silent"  # an empty chat answer
    BREAKING_OFF = "breaking off"  # a stream with an invalid event in the middle of the answer
    DROPPING = "dropping"  # a stream whose connection closes in the middle of the answer


class ModelServer(ThreadingHTTPServer):
    """Serves during the block. `requests` are all requests, oldest first.

    `says` are the words of its chat answers; a stream sends one event per word, and waits for `may_go_on` after the
    first. None: it repeats all messages of the request. `replies` returns the answer to messages instead. `rewrites` is
    its answer to the request to rewrite a question. `habits` are those of another server.
    """

    daemon_threads = True
    request_queue_size = 128  # for many simultaneous connections: the kernel resets those beyond the queue

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.may_go_on = threading.Event()
        self.under_way = 0
        self.lock = threading.Lock()
        self.reset()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def reset(self) -> None:
        """Return to the initial state. Pending requests are answered."""
        self.mood = Mood.WELL
        self.says: list[str] | None = list(SAYS)
        self.replies: Callable[[list[dict[str, str]]], str] | None = None
        self.habits: ChatHabits | None = None
        self.rewrites = "NONE"
        self.rewriting_mood: Mood | None = None  # of requests to rewrite a question, if it differs
        self.requests: list[dict[str, Any]] = []
        self.texts: list[str] = []  # all texts to embed
        self.chats: list[list[dict[str, str]]] = []  # the messages of each chat request, without rewritings
        self.rewritings: list[list[dict[str, str]]] = []  # the messages of each request to rewrite a question
        self.may_go_on.set()

    @property
    def prompts(self) -> list[str]:
        """The text of each chat request."""
        return ["\n".join(message["content"] for message in messages) for messages in self.chats]

    @property
    def variables(self) -> dict[str, str]:
        """The settings that make the product get embeddings from this server."""
        return {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "none"}

    @property
    def chat_variables(self) -> dict[str, str]:
        return {"CHAT_MODEL": "talker", "CHAT_BASE_URL": self.url, "CHAT_API_KEY": "none"}

    @property
    def chat(self) -> ChatSettings:
        """The chat settings for a test in this process."""
        return ChatSettings("talker", base_url=self.url, api_key="sk-secret", timeout_s=5.0)

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""

    def record_request(self, path: str, headers: Message, request: dict[str, Any]) -> list[Any]:
        """Record a request; return its texts or messages."""
        is_chat = "messages" in request
        content = request["messages"] if is_chat else request["input"]
        inputs: list[Any] = [content] if isinstance(content, str) else content
        with self.lock:
            self.requests.append({"path": path, "headers": headers, "body": request})
            if is_chat and _is_rewriting(inputs):
                self.rewritings.append(inputs)
            elif is_chat:
                self.chats.append(inputs)
            else:
                self.texts += inputs
        return inputs


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        inputs = self.server.record_request(self.path, self.headers, request)
        with self.server.lock:
            self.server.under_way += 1
        try:
            is_rewriting = "messages" in request and _is_rewriting(inputs)
            mood = (is_rewriting and self.server.rewriting_mood) or self.server.mood
            self._answer(
                mood, inputs, lambda: self._chat(request) if "messages" in request else self._vectors(inputs)
            )
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def _answer(self, mood: Mood, inputs: list[Any], respond: Callable[[], None]) -> None:
        while self.server.mood is Mood.HANGING:
            time.sleep(0.05)
        if mood is Mood.SLOW:
            time.sleep(SLOW_S)
        if mood is Mood.FAILING:
            self._send(500, {"error": {"message": "Internal error."}})
        elif mood is Mood.LIMITED:
            self._send(429, {"error": {"message": "Too many requests."}}, {"Retry-After": str(RETRY_AFTER_S)})
        elif mood is Mood.REJECTING:
            self._send(400, {"error": {"message": f"Invalid input: {inputs}", "param": inputs}})
        elif mood is Mood.DENYING:
            self._send(401, {"error": {"message": "Invalid API key."}})
        elif mood is Mood.HANGING_UP:
            self.close_connection = True
        elif mood in (Mood.BABBLING, Mood.CUTTING):
            spoiled = b"<html>Welcome" if mood is Mood.BABBLING else b'{"choices": [{"mess'
            self._send_bytes(200, spoiled, {"Content-Type": "application/json"})
        else:
            respond()

    def _vectors(self, texts: list[str]) -> None:
        from tests.providers import WordHashes  # needs Django, see below

        vectors = WordHashes().embed_documents(texts)
        rows = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self._send(200, {"object": "list", "data": rows, "model": "test", "usage": usage})

    def _chat(self, request: dict[str, Any]) -> None:
        says = self.server.says
        if _is_rewriting(request["messages"]):
            says = [self.server.rewrites]
        if self.server.mood is Mood.SILENT:
            says = []
        if self.server.replies:
            says = [self.server.replies(request["messages"])]
        if self.server.habits:
            self._follow_habits(self.server.habits, "".join(says or ()), request)
            return
        if says is None:
            says = ["[1] ", *(message["content"] for message in request["messages"])]
        if request.get("stream"):
            self._stream(says)
        else:
            message = {"role": "assistant", "content": "".join(says)}
            self._send(200, _build_completion("chat.completion", message=message, finish_reason="stop"))

    def _follow_habits(self, habits: ChatHabits, answer: str, request: dict[str, Any]) -> None:
        if refusal := habits.refuse(request):
            self._send(refusal[0], refusal[1])
            return
        if location := habits.redirect_to:
            self._send(307, {}, {"Location": location})
            return
        if habits.ignores_stream or not request.get("stream"):
            self._send(200, build_document(habits, answer, request))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for line in stream_lines(habits, answer, request):
            self.wfile.write(f"{line}\n\n".encode())

    def _stream(self, says: list[str]) -> None:
        """Send one event per word, then [DONE]."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if self.server.mood is Mood.DROPPING:
            self.send_header("Content-Length", "1000000")  # only the beginning is sent
        self.end_headers()
        for number, word in enumerate(says):
            if number == 1:
                if not self._wait_for_client():
                    return
                if self.server.mood is Mood.DROPPING:
                    self.close_connection = True
                    return
                if self.server.mood is Mood.BREAKING_OFF:
                    self._event("{broken")
                    return
            delta = {"role": "assistant", "content": word}
            self._event(
                json.dumps(_build_completion("chat.completion.chunk", delta=delta, finish_reason=None))
            )
        ended = _build_completion("chat.completion.chunk", delta={}, finish_reason="stop")
        self._event(json.dumps(ended))
        self._event("[DONE]")

    def _wait_for_client(self) -> bool:
        """Wait for `may_go_on`; return whether the client is still connected."""
        deadline = time.monotonic() + WAITS_S
        while not self.server.may_go_on.wait(0.02) and time.monotonic() < deadline:
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(
                1, socket.MSG_PEEK
            ):
                return False
        return True

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(answer).encode(), headers)

    def _send_bytes(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _is_rewriting(messages: list[dict[str, str]]) -> bool:
    return messages[0]["content"].startswith(REWRITING_PROMPT)


def _build_completion(kind: str, **choice: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "1", "object": kind, "created": 1, "model": "talker", "choices": [{"index": 0, **choice}]}
    return {**body, "usage": usage} if kind == "chat.completion" else body


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    django.setup()
    with ModelServer() as server:
        for name, value in (server.variables | server.chat_variables).items():
            print(f"{name}={value}", flush=True)  # noqa: T201
        threading.Event().wait()
