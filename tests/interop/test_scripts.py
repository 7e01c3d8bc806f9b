"""Runs every example of docs/scripts.md against a running server: shell, cron, Python, Home Assistant, n8n, MCP."""

import ast
import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import httpx2
import pytest
import yaml
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from accounts.models import User
from memories.models import Memory
from oauth.models import AppGrant
from picard.config.paths import PROJECT
from tests.factories import make_person
from tests.interop.node import find_node
from tests.oauth.flows import personal_token

pytestmark = pytest.mark.slow
EXAMPLE = "https://memory.example.org"
PATH = "/usr/local/bin:/usr/bin:/bin"


def read_blocks(language: str, site: str) -> list[str]:
    """Return the examples in this language, with the URL of the running server."""
    page = (PROJECT / "docs" / "scripts.md").read_text(encoding="utf-8").replace(EXAMPLE, site)
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


@pytest.fixture
def ada(site: str) -> User:
    return make_person("ada")


@pytest.fixture
def token(ada: User) -> str:
    return personal_token(ada).secret


@pytest.fixture
def shell(site: str, token: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has stored the token as the page says."""
    environment = {"HOME": str(tmp_path), "PATH": PATH, "PICARD": site}
    store, *_curl = read_blocks("sh", site)
    subprocess.run(["sh", "-eu", "-c", store], input=f"{token}\n", text=True, env=environment, check=True)
    header = tmp_path / ".config" / "picard" / "header"
    assert header.read_text() == f"Authorization: Bearer {token}\n"
    assert (header.stat().st_mode & 0o777, header.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    return environment


def list_texts(ada: User) -> list[str]:
    return [memory.text for memory in Memory.objects.filter(owner=ada).order_by("pk")]


def test_curl_saves_and_finds_a_memory(ada: User, shell: dict[str, str], site: str) -> None:
    _store, curl = read_blocks("sh", site)
    printed = subprocess.check_output(["sh", "-eu", "-c", curl], env=shell, text=True)
    assert list_texts(ada) == ["The spare key is with Bob."]
    assert '"relevance"' in printed
    assert Memory.objects.get().source.startswith("api:token-")


def test_cron_saves_the_output_of_a_command(ada: User, shell: dict[str, str], site: str) -> None:
    [script], [crontab] = read_blocks("bash", site), read_blocks("cron", site)
    program = Path(shell["HOME"]) / "bin" / "remember"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    setting, line = crontab.splitlines()
    name, _equals, value = setting.partition("=")
    command = line.split(maxsplit=5)[5].replace("uptime", "echo 'It is up: \"quoted\" & more.'")
    environment = {"HOME": shell["HOME"], "PATH": PATH, name: value}  # all that cron passes
    subprocess.run(["/bin/sh", "-c", command], env=environment, check=True, capture_output=True)
    assert list_texts(ada) == ['It is up: "quoted" & more.']
    assert [tag.name for tag in Memory.objects.get().tags.all()] == ["log"]


def test_python_saves_and_finds_a_memory(ada: User, shell: dict[str, str], site: str) -> None:
    [program] = read_blocks("python", site)
    printed = subprocess.check_output([sys.executable, "-I", "-c", program], env=shell, text=True)
    assert printed.splitlines() == list_texts(ada) == ["The bins are collected on Tuesdays."]


class _Loader(yaml.SafeLoader):
    """Reads `!secret NAME` as NAME, as Home Assistant looks it up in secrets.yaml."""


_Loader.add_constructor("!secret", lambda loader, node: f"secret {node.value}")


def test_home_assistant_saves_a_memory(ada: User, token: str, site: str) -> None:
    [block] = read_blocks("yaml", site)
    command = yaml.load(block, _Loader)["rest_command"]["picard_remember"]  # noqa: S506 - a safe loader
    assert command["headers"] == {"authorization": "secret picard_authorization"}
    [expression] = re.fullmatch(r"{{ (.+) \| to_json }}", command["payload"]).groups()  # type: ignore[union-attr]
    said = 'The "boiler" was serviced.'
    body = ast.literal_eval(expression.replace(": text,", f": {said!r},"))
    headers = {"authorization": f"Bearer {token}", "content-type": command["content_type"]}
    response = httpx.request(command["method"].upper(), command["url"], json=body, headers=headers)
    assert response.status_code == 201, response.text
    assert list_texts(ada) == [said]


def test_n8n_node_saves_a_memory(ada: User, token: str, site: str) -> None:
    workflow, _mcp = map(json.loads, read_blocks("json", site))
    [node] = workflow["nodes"]
    fields = node["parameters"]
    [expression] = re.fullmatch(r"={{ (.+) }}", fields["jsonBody"]).groups()  # type: ignore[union-attr]
    script = f"const $json = {{text: 'From n8n.'}}; console.log({expression})"
    body = subprocess.check_output([str(find_node()), "-e", script], text=True)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    response = httpx.request(fields["method"], fields["url"], content=body, headers=headers)
    assert response.status_code == 201, response.text
    assert list_texts(ada) == ["From n8n."]


def test_mcp_client_with_a_header_saves_a_memory(ada: User, token: str, site: str) -> None:
    _n8n, configuration = map(json.loads, read_blocks("json", site))
    server = configuration["mcpServers"]["picard"]
    headers = {name: value.replace("${PICARD_TOKEN}", token) for name, value in server["headers"].items()}
    asyncio.run(add_memory(server["url"], headers))
    assert list_texts(ada) == ["By MCP."]
    assert AppGrant.objects.get().used_at is not None


async def add_memory(url: str, headers: dict[str, str]) -> None:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        await client.call_tool("add_memory", {"text": "By MCP."})
