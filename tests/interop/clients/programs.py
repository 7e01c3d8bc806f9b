"""The clients: how each one is installed and started. All are stock programs, pinned in lock files."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picard.config.paths import PROJECT
from tests.interop import node
from tests.interop.clients.large.codex import Codex
from tests.interop.clients.large.opencode import OpenCode
from tests.interop.clients.session import TIMEOUT_S, ClientError, Connection, Session, Start, read_result
from tests.processes import free_port

HERE = Path(__file__).resolve().parent
DRIVERS = "tests.interop.clients.drivers"


@dataclass(frozen=True)
class Client:
    """A stock client. lock: the lock file that pins `package`."""

    name: str
    package: str
    lock: Path
    start: Callable[[Start], Connection]
    takes_document: bool = False
    is_large: bool = False

    @property
    def version(self) -> str:
        """The pinned version."""
        text = self.lock.read_text(encoding="utf-8")
        if self.lock.suffix == ".json":
            return str(json.loads(text)["packages"][f"node_modules/{self.package}"]["version"])
        [version] = re.findall(rf"^{re.escape(self.package)}==(\S+)", text, re.MULTILINE)
        return str(version)


def start_node(script: str, *arguments: str) -> Callable[[Start], Connection]:
    def start(given: Start) -> Connection:
        command = node.build_command(HERE / script, *arguments, given.url)
        return Session(command, given.build_environment(), given.folder)

    return start


def start_python(environment: str, module: str, *arguments: str) -> Callable[[Start], Connection]:
    def start(given: Start) -> Connection:
        python = PROJECT / environment / "bin" / "python" if environment else Path(sys.executable)
        if not python.exists():
            node.skip_missing(environment)
        command = [str(python), "-m", f"{DRIVERS}.{module}", *arguments, given.url]
        return Session(command, given.build_environment(), given.folder)

    return start


def start_mcp_remote(given: Start) -> Connection:
    arguments = [given.url, str(free_port()), "--host", "127.0.0.1"]
    command = node.build_command(node.get_program("mcp-remote"), *arguments)
    return Session(command, given.build_environment(), given.folder)


class Inspector:
    """The MCP Inspector's CLI: a process for each call; tokens are stored below its home."""

    def __init__(self, given: Start) -> None:
        self.timeout_s = TIMEOUT_S
        self._given = given
        self._callback = f"http://127.0.0.1:{free_port()}/oauth/callback"

    def list_tools(self) -> list[str]:
        return [tool["name"] for tool in self._run("tools/list")["tools"]]

    def call_tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        result = self._run("tools/call", "--tool-name", name, "--tool-args-json", json.dumps(arguments))
        return read_result(result)

    def log_in(self) -> None:
        pass  # each call does

    def close(self) -> None:
        pass

    def _run(self, method: str, *options: str) -> dict[str, Any]:
        common = ["--cli", self._given.url, "--transport", "http", "--callback-url", self._callback]
        document = ["--client-metadata-url", self._given.document] if self._given.document else []
        command = node.build_command(node.get_program("mcp-inspector"), *common, *document)
        try:
            output = subprocess.run(
                [*command, "--method", method, *options],
                env=self._given.build_environment(
                    MCP_AUTO_OPEN_ENABLED="true", MCP_INSPECTOR_SECRET_STORE="file"
                ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=self.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ClientError(f"no answer within {self.timeout_s:.0f} s") from None
        if output.returncode:
            raise ClientError(output.stderr.strip() or output.stdout.strip())
        result: dict[str, Any] = json.loads(output.stdout)
        return result


NPM = node.HERE / "package-lock.json"
LARGE = HERE / "large" / "package-lock.json"
PYTHON_1 = HERE / "python1.txt"
PYTHON_2 = HERE / "python2.txt"
VENV_1, VENV_2 = "build/interop-python-1", "build/interop-python-2"
CLIENTS = [
    Client(
        "TypeScript SDK 1", "@modelcontextprotocol/sdk", NPM, start_node("drivers/typescript.mjs", "1"),
        takes_document=True,
    ),
    Client(
        "TypeScript SDK 2", "@modelcontextprotocol/client", NPM, start_node("drivers/typescript.mjs", "2"),
        takes_document=True,
    ),
    Client("AI SDK", "@ai-sdk/mcp", NPM, start_node("drivers/ai_sdk.mjs")),
    Client("mcp-remote", "mcp-remote", NPM, start_mcp_remote),
    Client("MCP Inspector CLI", "@modelcontextprotocol/inspector", NPM, Inspector, takes_document=True),
    Client(
        "Python SDK 1", "mcp", PYTHON_1, start_python(VENV_1, "python_sdk", "1"), takes_document=True,
    ),
    Client(
        "Python SDK 2", "mcp", PROJECT / "requirements.txt", start_python("", "python_sdk", "2"),
        takes_document=True,
    ),
    Client("fastmcp", "fastmcp", PYTHON_2, start_python(VENV_2, "fastmcp_client"), takes_document=True),
    Client(
        "LangChain adapters", "langchain-mcp-adapters", PYTHON_1, start_python(VENV_1, "langchain_adapters"),
        takes_document=True,
    ),
    Client(
        "Gemini CLI core", "@google/gemini-cli-core", LARGE, start_node("large/gemini.mjs"), is_large=True,
    ),
    Client("Codex CLI", "@openai/codex", LARGE, Codex, is_large=True),
    Client("opencode", "opencode-linux-x64", LARGE, OpenCode, is_large=True),
]  # fmt: skip
