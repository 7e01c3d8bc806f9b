"""An OpenAI-compatible server in a process of its own: embeddings and chat, in the moods that such servers have.

It keeps every request for inspection. Under `gated` a stream stops after its first piece until it is let go.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from memories.chat_settings import Chat

MOODS = (
    "well", "slow", "failing", "limited", "rejecting", "denying", "broken", "empty", "cut", "hanging", "gated"
)  # fmt: skip
SLOW_S = 0.2
RETRY_AFTER_S = 7
HANGING_S = 30
REPLY = ["In the ", "garden ", "[1]."]


class FakeOpenAI:
    """The server as the tests steer it."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def chat(self) -> Chat:
        return Chat(model="fake", base_url=f"{self.url}/v1", api_key="sk-secret", timeout_s=5.0)

    def be(self, mood: str, reply: list[str] | None = None) -> None:
        assert mood in MOODS
        self._control(mood=mood, reply=REPLY if reply is None else reply)

    def let_go(self) -> None:
        self._control(go=True)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Everything it was sent, oldest first."""
        return list(httpx.get(f"{self.url}/requests").json())

    @property
    def prompts(self) -> list[str]:
        """The whole text of each chat request."""
        asked = [request["body"] for request in self.requests if "messages" in request["body"]]
        return ["\n".join(message["content"] for message in body["messages"]) for body in asked]

    def forget(self) -> None:
        self._control(go=True, mood="well", reply=REPLY, forget=True)

    def _control(self, **told: Any) -> None:
        httpx.post(f"{self.url}/control", json=told).raise_for_status()


@contextmanager
def running() -> Iterator[FakeOpenAI]:
    """A server as long as the block."""
    command = [sys.executable, "-m", "tests.fake_openai"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield FakeOpenAI(process.stdout.readline().strip())
        finally:
            process.kill()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    mood = "well"
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = REPLY
        self.requests: list[dict[str, Any]] = []
        self.gate = threading.Event()

    def told(self, told: dict[str, Any]) -> None:
        if told.get("go"):
            self.gate.set()
        if "mood" in told:
            self.mood, self.reply = told["mood"], told["reply"]
            if self.mood == "gated":
                self.gate.clear()
        if told.get("forget"):
            self.requests.clear()

    def handle_error(self, *_: object) -> None:
        """A client that did not wait is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._send(200, json.dumps(self.server.requests).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/control":
            self.server.told(body)
            return self._send(200, b"{}")
        self.server.requests.append({"path": self.path, "body": body})
        return self._in_its_mood(self.server.mood, body)

    def _in_its_mood(self, mood: str, body: dict[str, Any]) -> None:
        if mood == "hanging":
            time.sleep(HANGING_S)
        elif mood == "failing":
            self._send(500, b'{"error": {"message": "unwell"}}')
        elif mood == "limited":
            self._send(429, b'{"error": {"message": "too many"}}', {"Retry-After": str(RETRY_AFTER_S)})
        elif mood == "rejecting":
            self._send(400, json.dumps({"error": {"message": f"cannot answer {body}"}}).encode())
        elif mood == "denying":
            self._send(401, b'{"error": {"message": "no such key"}}')
        elif mood == "broken":
            self._send(200, b'{"choices": [{"mess')
        else:
            time.sleep(SLOW_S if mood == "slow" else 0)
            self._well(mood, body)

    def _well(self, mood: str, body: dict[str, Any]) -> None:
        if self.path.endswith("/embeddings"):
            return self._send(200, json.dumps(_embeddings(body)).encode())
        pieces = [] if mood == "empty" else self.server.reply
        if body.get("stream"):
            return self._stream(mood, pieces)
        message = {"role": "assistant", "content": "".join(pieces)}
        return self._send(200, json.dumps(_completion("chat.completion", message=message)).encode())

    def _stream(self, mood: str, pieces: list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number, piece in enumerate(pieces):
            if number == 1 and mood == "gated":
                self.server.gate.wait(HANGING_S)
            if number == 1 and mood == "cut":
                self._event("{broken")
                return
            self._event(json.dumps(_completion("chat.completion.chunk", delta={"content": piece})))
        self._event("[DONE]")

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _completion(kind: str, **said: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop" if "message" in said else None, **said}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": "x", "object": kind, "created": 0, "model": "fake", "choices": [choice], "usage": usage}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    from tests.providers import WordHashes

    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    vectors = WordHashes().embed_documents(texts)
    rows = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return {"object": "list", "data": rows, "model": "fake", "usage": {"prompt_tokens": 1, "total_tokens": 1}}


if __name__ == "__main__":
    server = _Server()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
