"""Picard's local embedding model as an OpenAI-compatible endpoint, for servers that embed by HTTP only.

`python -m benchmarks.whole.embeddings_endpoint PORT`. Connections are kept open, and each is served by a thread.
"""

import base64
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from memories.providers.embeddings_local import LocalEmbeddings

MODEL = LocalEmbeddings()


class EmbeddingsHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer in one packet

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
        is_base64 = request.get("encoding_format") == "base64"
        vectors = [vector or [0.0] * MODEL.dimensions for vector in MODEL.embed_documents(texts)]
        data = [
            {"object": "embedding", "index": at, "embedding": _encode(vector) if is_base64 else vector}
            for at, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        self._answer({"object": "list", "model": request["model"], "data": data, "usage": usage})

    def log_message(self, *_: object) -> None:
        """Log nothing: a line per request would cost the measured servers time."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _encode(vector: list[float]) -> str:
    import numpy as np

    return base64.b64encode(np.asarray(vector, np.float32).tobytes()).decode()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), EmbeddingsHandler).serve_forever()
