"""opencode: logs in with `opencode mcp auth`; `opencode serve` calls the tools for a model.

The model is a server in this process. It calls the tool that the user's message names.
"""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.interop.clients.large.folder import find_binary
from tests.interop.clients.session import TIMEOUT_S, ClientError, Start
from tests.processes import answers, free_port, wait_until

TOOL_PREFIX = "picard_"
PROGRAM_TIMEOUT_S = 180  # it takes 5 s on an idle machine
CALLBACK_PORT = threading.Lock()  # the port of its callback is always the same
OFFLINE = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
}


class Model(ThreadingHTTPServer):
    """OpenAI's chat completions, streamed: a tool call for a user's message, a word for everything else."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ModelHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.tools: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _ModelHandler(BaseHTTPRequestHandler):
    server: Model

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        last = request["messages"][-1]
        delta, reason = {"role": "assistant", "content": "Done."}, "stop"
        if last["role"] == "user" and "tools" in request:
            names = [tool["function"]["name"] for tool in request["tools"]]
            self.server.tools = [name for name in names if name.startswith(TOOL_PREFIX)]
            call = json.loads(_read_text(last["content"]))
            if call["name"] in self.server.tools:
                function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
                calls = [{"index": 0, "id": "call", "type": "function", "function": function}]
                delta, reason = {"role": "assistant", "tool_calls": calls}, "tool_calls"  # type: ignore[dict-item]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for choice in ({"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": reason}):
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "model"}
            self.wfile.write(
                f"data: {json.dumps({**chunk, 'choices': [{'index': 0, **choice}]})}\n\n".encode()
            )
        self.wfile.write(b"data: [DONE]\n\n")


def _read_text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class OpenCode:
    """`opencode serve`. It is logged in when the tools are listed."""

    def __init__(self, given: Start) -> None:
        self.timeout_s = TIMEOUT_S
        self._program = str(find_binary("opencode-linux-x64/bin/opencode"))
        CALLBACK_PORT.acquire()
        self._model = Model()
        self._environment = given.build_environment(**OFFLINE)
        self._project = given.folder / "project"
        self._project.mkdir()
        (self._project / "opencode.json").write_text(json.dumps(self._build_configuration(given.url)))
        self._log = (given.folder / "log").open("wb")
        self._http = httpx.Client()
        self._server: subprocess.Popen[bytes] | None = None

    def list_tools(self) -> list[str]:
        self.log_in()
        self._ask({"name": "none"})
        if not self._model.tools:
            raise ClientError(self._http.get("/mcp").text)
        return [name.removeprefix(TOOL_PREFIX) for name in self._model.tools]

    def call_tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        parts = self._ask({"name": f"{TOOL_PREFIX}{name}", "arguments": arguments})
        calls = [part["state"] for part in parts if part["type"] == "tool"]
        if not calls:
            raise ClientError(self._http.get("/mcp").text)
        if calls[0]["status"] != "completed":
            raise ClientError(calls[0].get("error", calls[0]["status"]))
        result: dict[str, Any] = json.loads(calls[0]["output"])
        return result

    def close(self) -> None:
        self._stop()
        self._model.shutdown()
        self._model.server_close()
        self._log.close()
        CALLBACK_PORT.release()

    def _build_configuration(self, url: str) -> dict[str, Any]:
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": self._model.url, "apiKey": "none"},
            "models": {"model": {"name": "model", "tool_call": True}},
        }
        return {
            "model": "local/model",
            "small_model": "local/model",
            "provider": {"local": provider},
            "mcp": {"picard": {"type": "remote", "url": url}},
        }

    def log_in(self) -> None:
        if self._server:
            self._stop()
            self._run("mcp", "logout", "picard")  # otherwise it asks whether to replace what is stored
        output = self._run("mcp", "auth", "picard")
        if "Authentication successful" not in output:
            raise ClientError(" ".join(output.split()))
        self._serve()

    def _run(self, *arguments: str) -> str:
        try:
            return subprocess.run(
                [self._program, *arguments],
                cwd=self._project,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PROGRAM_TIMEOUT_S,
                check=False,
            ).stdout
        except subprocess.TimeoutExpired:
            raise ClientError(
                f"`opencode {' '.join(arguments)}` did not end within {PROGRAM_TIMEOUT_S} s"
            ) from None

    def _stop(self) -> None:
        self._http.close()
        if self._server:
            self._server.kill()
            self._server.wait()

    def _serve(self) -> None:
        port = free_port()
        command = [self._program, "serve", "--port", str(port)]
        self._server = subprocess.Popen(
            command,
            cwd=self._project,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}")
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/mcp"), seconds=PROGRAM_TIMEOUT_S)

    def _ask(self, call: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the parts of the assistant's messages."""
        try:
            session = self._http.post("/session", json={}, timeout=self.timeout_s).json()["id"]
            message = {"parts": [{"type": "text", "text": json.dumps(call)}]}
            self._http.post(f"/session/{session}/message", json=message, timeout=self.timeout_s)
            messages = self._http.get(f"/session/{session}/message", timeout=self.timeout_s).json()
        except httpx.TransportError as error:
            raise ClientError(f"no answer: {type(error).__name__}") from None
        return [part for message in messages for part in message["parts"]]
