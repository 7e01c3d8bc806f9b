"""Clients generated from docs/openapi.yaml work with the running server, given only its URL and a token."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from memories import scopes
from tests.factories import make_person
from tests.interop.generated.generators import find_generator, generate_clients, run_program
from tests.interop.node import build_command, find_node
from tests.oauth.flows import access_token, make_app

pytestmark = pytest.mark.slow

GRANTED = [scopes.READ, scopes.WRITE, scopes.ADMIN]
EXPECTED = {
    "scopes": GRANTED,
    "created": ["private", ["numbers"], "2999-01-31T00:00:00+00:00"],
    "found": ["Memory 1."],
    "pages": [["Memory 5.", "Memory 4."], ["Memory 3.", "Memory 2."], ["Memory 1."]],
    "imported": ["text", 1],
    "changed": [2, "Memory one."],
    "problems": [[412, "version_conflict"], [404, "not_found"], [400, "invalid"], [404, "not_found"]],
    "pointers": ["#/text"],
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated clients and the programs that use them."""
    find_node()
    folder = tmp_path_factory.mktemp("generated")
    generate_clients(folder)
    return folder


@pytest.fixture
def token(site: str) -> str:
    return access_token(make_person("ada"), make_app(), *GRANTED, resource=[f"{site}/api"])


@pytest.mark.parametrize(
    "program",
    [
        "with_openapi_python_client.py",
        "with_openapi_generator.py",
        "javascript/with_typescript_fetch.js",
        "javascript/with_openapi_fetch.js",
    ],
)
def test_generated_client_uses_every_kind_of_operation(
    program: str, clients: Path, site: str, token: str
) -> None:
    script = clients / program
    is_python = script.suffix == ".py"
    command = [find_generator("python"), "-W", "error", str(script)] if is_python else build_command(script)
    result: dict[str, Any] = json.loads(run_program([*command, site, token]))
    files = {name: base64.b64decode(content) for name, content in result.pop("exports").items()}
    assert result == EXPECTED
    lines = [json.loads(line)["text"] for line in files["jsonl"].splitlines()]
    assert lines == [memory["content"] for memory in json.loads(files["pam"])["memories"]]
    assert lines == [f"Memory {number}." for number in range(1, 6)]
    for name in ("csv", "text"):
        assert all(text.encode() in files[name] for text in lines)
    assert files["markdown"].startswith(b"PK")
