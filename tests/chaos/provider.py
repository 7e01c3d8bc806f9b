"""A provider of embeddings and of chat that speaks OpenAI's API over HTTP, in the moods that such servers have."""

import json
import select
import socket
import threading
import time
from collections.abc import Callable
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.providers import WordHashes

SLOW_S = 0.5
WAITS_S = 120.0  # at most, for `may_go_on`
RETRY_AFTER_S = 400  # longer than any back-off of the worker's own


class Mood(Enum):
    """What it does with a request."""

    WELL = "well"
    SLOW = "slow"
    FAILING = "failing"
    LIMITED = "limited"  # 429 with Retry-After
    HANGING = "hanging"  # takes the request and says nothing until the mood changes
    REJECTING = "rejecting"  # 400 that quotes the texts
    BABBLING = "babbling"  # what it answers is no JSON
    BREAKING_OFF = "breaking off"  # ends in the middle of an answer


class ProviderServer(ThreadingHTTPServer):
    """Serves as long as the block; `texts` is all it was to embed, `chats` the messages of each chat.

    `says` are the words of its chat answers, one event each; after the first it waits for `may_go_on`. None: it gives
    away all that it was told.
    """

    daemon_threads = True
    request_queue_size = 128  # many may come at once: of more than fit, the kernel resets some
    mood = Mood.WELL

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.texts: list[str] = []
        self.chats: list[list[dict[str, str]]] = []
        self.says: list[str] | None = ["Peanuts", " [1]", "."]
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.under_way = 0
        self.lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    @property
    def variables(self) -> dict[str, str]:
        """The settings by which the product asks this server."""
        url = f"http://127.0.0.1:{self.server_port}/v1"
        return {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}

    @property
    def chat_variables(self) -> dict[str, str]:
        return {"CHAT_MODEL": "talker", "CHAT_BASE_URL": f"http://127.0.0.1:{self.server_port}/v1"}

    def __enter__(self) -> "ProviderServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mood = Mood.WELL
        self.may_go_on.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that did not wait is no news."""


class Handler(BaseHTTPRequestHandler):
    server: ProviderServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.under_way += 1
        try:
            if self.path.endswith("/chat/completions"):
                self.server.chats.append(asked["messages"])
                self._answer(asked["messages"], lambda: self._chat(asked["messages"]))
            else:
                texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
                with self.server.lock:
                    self.server.texts += texts
                self._answer(texts, lambda: self._vectors(texts))
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def _answer(self, texts: list[Any], well: Callable[[], None]) -> None:
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
            self._send(400, {"error": {"message": f"Cannot take {texts}", "param": texts}})
        elif mood is Mood.BABBLING:
            self._send_bytes(200, b"<html>Welcome", {"Content-Type": "application/json"})
        else:
            well()

    def _vectors(self, texts: list[str]) -> None:
        vectors = WordHashes().embed_documents(texts)
        rows = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self._send(200, {"object": "list", "data": rows, "model": "test", "usage": usage})

    def _chat(self, told: list[dict[str, str]]) -> None:
        """Chat completions as they are streamed: one event a word, then the end."""
        says = self.server.says
        if says is None:
            says = ["[1] ", *(message["content"] for message in told)]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number, word in enumerate(says):
            if number == 1:
                if not self._is_waited_for():
                    return
                if self.server.mood is Mood.BREAKING_OFF:
                    self._event("{broken")
                    return
            delta = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "talker"}
            self._event(json.dumps({**chunk, "choices": [delta]}))
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
