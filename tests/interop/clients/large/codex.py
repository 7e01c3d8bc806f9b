"""Codex CLI: logs in with `codex mcp login`; its app server, which the editors' extensions use, calls the tools."""

import subprocess
from typing import Any

from tests.interop.clients.large.folder import find_binary
from tests.interop.clients.session import ClientError, Session, Start, read_result

# No model is asked: the address of the provider answers nothing.
CONFIG = """
cli_auth_credentials_store = "file"
mcp_oauth_credentials_store = "file"
model_provider = "none"
[model_providers.none]
name = "none"
base_url = "http://127.0.0.1:9/v1"
[mcp_servers.picard]
url = "{url}"
"""


class Codex(Session):
    """`codex app-server`. It is logged in when the tools are listed."""

    def __init__(self, given: Start) -> None:
        self._given = given
        self._program = str(find_binary("@openai/codex-*/vendor/*/bin/codex"))
        home = given.folder / ".codex"
        home.mkdir()
        (home / "config.toml").write_text(CONFIG.format(url=given.url))
        self._environment = given.build_environment(CODEX_HOME=str(home))
        self._thread = ""
        super().__init__([self._program, "app-server"], self._environment, given.folder)

    def build_handshake(self) -> dict[str, Any]:
        client = {"name": "matrix", "version": "1"}
        return {"clientInfo": client, "capabilities": {"experimentalApi": True}}

    def list_tools(self) -> list[str]:
        self.log_in()
        [server] = self.request("mcpServerStatus/list", {})["data"]
        if not server["tools"]:
            raise ClientError(str(server.get("toolsError")))
        return list(server["tools"])

    def call_tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        call = {"threadId": self._thread, "server": "picard", "tool": name, "arguments": arguments}
        return read_result(self.request("mcpServer/tool/call", call))

    def log_in(self) -> None:
        command = [self._program, "mcp", "login", "picard"]
        try:
            output = subprocess.run(
                command, env=self._environment, capture_output=True, text=True, timeout=60, check=False
            )
        except subprocess.TimeoutExpired:
            raise ClientError("`codex mcp login` did not end within 60 s") from None
        if output.returncode:
            raise ClientError(output.stderr.strip().splitlines()[-1])
        thread = self.request("thread/start", {"cwd": str(self._given.folder)})
        self._thread = thread["thread"]["id"]
