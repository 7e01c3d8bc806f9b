"""An embedding provider that speaks OpenAI's API over HTTP, in the moods that such servers have."""

import json
import threading
import time
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.providers import WordHashes

SLOW_S = 0.5
RETRY_AFTER_S = 400  # longer than any back-off of the worker's own


class Mood(Enum):
    """What it does with a request."""

    WELL = "well"
    SLOW = "slow"
    FAILING = "failing"
    LIMITED = "limited"  # 429 with Retry-After
    HANGING = "hanging"  # takes the request and says nothing until the mood changes
    REJECTING = "rejecting"  # 400 that quotes the texts


class ProviderServer(ThreadingHTTPServer):
    """Serves as long as the block; `texts` is all it was asked for."""

    daemon_threads = True
    mood = Mood.WELL

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.texts: list[str] = []
        self.under_way = 0
        self.lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    @property
    def variables(self) -> dict[str, str]:
        """The settings by which the product asks this server."""
        url = f"http://127.0.0.1:{self.server_port}/v1"
        return {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}

    def __enter__(self) -> "ProviderServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mood = Mood.WELL
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that did not wait is no news."""


class Handler(BaseHTTPRequestHandler):
    server: ProviderServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        with self.server.lock:
            self.server.texts += texts
            self.server.under_way += 1
        try:
            self._answer(texts)
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def _answer(self, texts: list[str]) -> None:
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
            self._send(400, {"error": {"message": f"Cannot embed {texts}", "param": texts}})
        else:
            vectors = WordHashes().embed_documents(texts)
            rows = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            self._send(200, {"object": "list", "data": rows, "model": "test", "usage": usage})

    def _send(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""
