"""A server that speaks OpenAI's API over HTTP, embeddings and chat, in every mood that such servers have.

One for all tests, in a thread of theirs, so that it starts at once. By itself, to try things by hand:
`python -m tests.model_server` prints the settings by which Picard asks it.
"""

import json
import select
import socket
import threading
import time
from collections.abc import Callable
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from memories.providers.chat_settings import ChatSettings
from tests.providers import WordHashes

SAYS = ("Peanuts", " [1]", ".")
SLOW_S = 0.3
WAITS_S = 120.0  # at most, for `may_go_on`
RETRY_AFTER_S = 400  # longer than any back-off of the worker's own


class Mood(Enum):
    """What it does with a request."""

    WELL = "well"
    SLOW = "slow"
    FAILING = "failing"  # 500
    LIMITED = "limited"  # 429 with Retry-After
    REJECTING = "rejecting"  # 400 that quotes the texts
    DENYING = "denying"  # 401
    HANGING = "hanging"  # takes the request and says nothing until the mood changes
    HANGING_UP = "hanging up"  # takes the request and closes the connection
    BABBLING = "babbling"  # what it answers is no JSON
    CUTTING = "cutting"  # the JSON ends in its middle
    SILENT = "silent"  # a chat answer without a word
    BREAKING_OFF = "breaking off"  # a stream that ends in the middle of an answer
    DROPPING = "dropping"  # a stream whose connection is closed amid the answer


class ModelServer(ThreadingHTTPServer):
    """Serves as long as the block. `requests` is all it was sent, oldest first.

    `says` are the words of its chat answers, one event each where they are streamed; after the first it waits for
    `may_go_on`. None: it gives away all that it was told.
    """

    daemon_threads = True
    request_queue_size = 128  # many may come at once: of more than fit, the kernel resets some

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.may_go_on = threading.Event()
        self.under_way = 0
        self.lock = threading.Lock()
        self.forget()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def forget(self) -> None:
        """Be well, as if it had been asked nothing yet; whoever waits gets an answer."""
        self.mood = Mood.WELL
        self.says: list[str] | None = list(SAYS)
        self.requests: list[dict[str, Any]] = []
        self.texts: list[str] = []  # all that it was to embed
        self.chats: list[list[dict[str, str]]] = []  # the messages of each chat
        self.may_go_on.set()

    @property
    def prompts(self) -> list[str]:
        """The whole text of each chat request."""
        return ["\n".join(message["content"] for message in messages) for messages in self.chats]

    @property
    def variables(self) -> dict[str, str]:
        """The settings by which the product asks this server for embeddings."""
        return {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "none"}

    @property
    def chat_variables(self) -> dict[str, str]:
        return {"CHAT_MODEL": "talker", "CHAT_BASE_URL": self.url, "CHAT_API_KEY": "none"}

    @property
    def chat(self) -> ChatSettings:
        """The same for a test within its own process."""
        return ChatSettings("talker", base_url=self.url, api_key="sk-secret", timeout_s=5.0)

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that did not wait is no news."""

    def note(self, path: str, asked: dict[str, Any]) -> list[Any]:
        """Remember what was asked; returns the texts or messages of it."""
        is_chat = "messages" in asked
        given = asked["messages"] if is_chat else asked["input"]
        told: list[Any] = [given] if isinstance(given, str) else given
        with self.lock:
            self.requests.append({"path": path, "body": asked})
            if is_chat:
                self.chats.append(told)
            else:
                self.texts += told
        return told


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = self.server.note(self.path, asked)
        with self.server.lock:
            self.server.under_way += 1
        try:
            self._answer(told, lambda: self._chat(asked) if "messages" in asked else self._vectors(told))
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def _answer(self, told: list[Any], well: Callable[[], None]) -> None:
        mood = self.server.mood
        while self.server.mood is Mood.HANGING:
            time.sleep(0.05)
        if mood is Mood.SLOW:
            time.sleep(SLOW_S)
        if mood is Mood.FAILING:
            self._send(500, {"error": {"message": "The server is unwell."}})
        elif mood is Mood.LIMITED:
            self._send(429, {"error": {"message": "Too many."}}, {"Retry-After": str(RETRY_AFTER_S)})
        elif mood is Mood.REJECTING:
            self._send(400, {"error": {"message": f"Cannot take {told}", "param": told}})
        elif mood is Mood.DENYING:
            self._send(401, {"error": {"message": "No such key."}})
        elif mood is Mood.HANGING_UP:
            self.close_connection = True
        elif mood in (Mood.BABBLING, Mood.CUTTING):
            spoiled = b"<html>Welcome" if mood is Mood.BABBLING else b'{"choices": [{"mess'
            self._send_bytes(200, spoiled, {"Content-Type": "application/json"})
        else:
            well()

    def _vectors(self, texts: list[str]) -> None:
        vectors = WordHashes().embed_documents(texts)
        rows = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self._send(200, {"object": "list", "data": rows, "model": "test", "usage": usage})

    def _chat(self, asked: dict[str, Any]) -> None:
        says = [] if self.server.mood is Mood.SILENT else self.server.says
        if says is None:
            says = ["[1] ", *(message["content"] for message in asked["messages"])]
        if asked.get("stream"):
            self._stream(says)
        else:
            message = {"role": "assistant", "content": "".join(says)}
            self._send(200, _completion("chat.completion", message=message, finish_reason="stop"))

    def _stream(self, says: list[str]) -> None:
        """One event a word, then the end."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if self.server.mood is Mood.DROPPING:
            self.send_header("Content-Length", "1000000")  # of which only the beginning comes
        self.end_headers()
        for number, word in enumerate(says):
            if number == 1:
                if not self._is_waited_for():
                    return
                if self.server.mood is Mood.DROPPING:
                    self.close_connection = True
                    return
                if self.server.mood is Mood.BREAKING_OFF:
                    self._event("{broken")
                    return
            delta = {"role": "assistant", "content": word}
            self._event(json.dumps(_completion("chat.completion.chunk", delta=delta, finish_reason=None)))
        self._event("[DONE]")

    def _is_waited_for(self) -> bool:
        """Whether the client is still there when the answer may go on."""
        until = time.monotonic() + WAITS_S
        while not self.server.may_go_on.wait(0.02) and time.monotonic() < until:
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(
                1, socket.MSG_PEEK
            ):
                return False
        return True

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(answer).encode(), headers)

    def _send_bytes(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _completion(kind: str, **choice: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    said = {"id": "1", "object": kind, "created": 1, "model": "talker", "choices": [{"index": 0, **choice}]}
    return {**said, "usage": usage} if kind == "chat.completion" else said


if __name__ == "__main__":
    with ModelServer() as server:
        for name, value in (server.variables | server.chat_variables).items():
            print(f"{name}={value}", flush=True)  # noqa: T201
        threading.Event().wait()
