"""A scripted chat model that follows the persona's prompts to the letter: it has no wit, and it knows the answers.

It cites each numbered memory of the prompt that is known to answer the question, and replies NONE if there is none. So
it shows what retrieval and the plumbing allow: the upper limit of any model.
"""

import json
import re
import threading
from collections.abc import Mapping, Set
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REWRITING_PROMPT = "You write a search query"  # how templates/prompts/rewriting.txt begins
SOURCE = re.compile(r"\[(\d+)\] \(\d{4}-\d\d-\d\d[^()\n]*\) ")


class ScriptedModel(ThreadingHTTPServer):
    """Serves OpenAI's chat API, streamed, on a free port of 127.0.0.1 during the block.

    answers: by question, the texts of all memories that answer it. rewritings: by question, the statement that it
    returns for it; the question itself without one.
    """

    daemon_threads = True

    def __init__(self, answers: Mapping[str, Set[str]], rewritings: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self._answers, self._rewritings = answers, rewritings
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def reply(self, messages: list[dict[str, str]]) -> str:
        prompt, question = messages[0]["content"], messages[-1]["content"]
        if prompt.startswith(REWRITING_PROMPT):
            return self._rewritings.get(question, question)
        right = self._answers.get(question, set())
        cited = [number for number, text in _read_sources(prompt) if _is_excerpt(text, right)]
        return "It says so " + "".join(f"[{number}]" for number in cited) if cited else "NONE"

    def __enter__(self) -> "ScriptedModel":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedModel

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in (json.dumps(_build_chunk(self.server.reply(request["messages"]))), "[DONE]"):
            self.wfile.write(f"data: {event}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _read_sources(prompt: str) -> list[tuple[int, str]]:
    """Return the numbered memories between the last two fence lines."""
    fence = prompt.strip().splitlines()[-1]
    memories = prompt.strip().split(fence)[-2]
    _, *fields = SOURCE.split(memories)
    return [(int(number), text.strip()) for number, text in zip(fields[::2], fields[1::2], strict=True)]


def _is_excerpt(text: str, texts: Set[str]) -> bool:
    return any(text.strip("\u2026 ") in each for each in texts)


def _build_chunk(text: str) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [choice],
    }
