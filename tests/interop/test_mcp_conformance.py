"""Programs that check MCP servers find nothing to object to in the really running one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.models import User
from memories import scopes
from tests.factories import make_person, remember
from tests.interop.node import HERE, program, run_node
from tests.oauth.flows import access_token, make_app
from tests.processes import serving

pytestmark = pytest.mark.slow

SUITE_SETTINGS = "tests.interop.conformance.settings"
NEEDS_SESSIONS = HERE / "conformance" / "needs_sessions.yml"


@pytest.fixture
def ada(transactional_db: None) -> User:
    ada = make_person("ada")
    remember(ada, "The zebra sleeps in the garden.")
    return ada


def token_of(user: User, *, resource: str) -> str:
    return access_token(user, make_app(), scopes.READ, scopes.WRITE, resource=[resource])


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of the virtual environment, to its end."""
    command = [str(Path(sys.executable).parent / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("revision", "at_least", "more"),
    [("2026-07-28", 37, []), ("2025-11-25", 30, ["--expected-failures", str(NEEDS_SESSIONS)])],
)
def test_the_conformance_suite_has_no_objection(
    revision: str, at_least: int, more: list[str], ada: User, tmp_path: Path
) -> None:
    public = "http://127.0.0.1:8000"  # the token is made before there is a port
    variables = {"CONFORMANCE_TOKEN": token_of(ada, resource=f"{public}/mcp"), "PUBLIC_URL": public}
    with serving(DJANGO_SETTINGS_MODULE=SUITE_SETTINGS, **variables) as site:
        asked = ["--url", f"{site}/mcp", "--requirements", revision, "-o", str(tmp_path), *more]
        said = run_node(program("conformance"), "server", *asked, timeout_s=240)
    assert said.returncode == 0, said.stdout[-6_000:] + said.stderr[-2_000:]
    results = re.findall(r"^([✓✗]) ([\w-]+): \d+ passed", said.stdout, re.MULTILINE)
    assert len(results) >= at_least


def test_the_checkers_find_nothing(ada: User) -> None:
    with serving() as site:
        token, foreign = token_of(ada, resource=f"{site}/mcp"), token_of(ada, resource=f"{site}/api")
        checked = run("jbt-mcpcheck", f"{site}/mcp", "--token", token, "--json", "--strict")
        scanned = run(
            "mcp-authlab", "scan", f"{site}/mcp", "--token", token, "--foreign-token", foreign,
            "--no-login", "--fail-under", "A", "--format", "json",
        )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(checked.stdout)["summary"]["passed"] == 8
    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
    assert json.loads(scanned.stdout)["grade"] == "A"
