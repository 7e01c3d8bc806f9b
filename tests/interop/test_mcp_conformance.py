"""Programs that check MCP servers report no problem for the running server."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.models import User
from memories import scopes
from tests.factories import make_person, remember
from tests.interop.node import HERE, get_program, run_node
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


def create_token(user: User, *, resource: str) -> str:
    return access_token(user, make_app(), scopes.READ, scopes.WRITE, resource=[resource])


def run_command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the virtual environment until it exits."""
    command = [str(Path(sys.executable).parent / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("revision", "min_results", "options"),
    [("2026-07-28", 37, []), ("2025-11-25", 30, ["--expected-failures", str(NEEDS_SESSIONS)])],
)
def test_mcp_conformance_suite_passes(
    revision: str, min_results: int, options: list[str], ada: User, tmp_path: Path
) -> None:
    public = "http://127.0.0.1:8000"  # the token is created before the port is known
    variables = {"CONFORMANCE_TOKEN": create_token(ada, resource=f"{public}/mcp"), "PUBLIC_URL": public}
    with serving(DJANGO_SETTINGS_MODULE=SUITE_SETTINGS, **variables) as site:
        arguments = ["--url", f"{site}/mcp", "--requirements", revision, "-o", str(tmp_path), *options]
        result = run_node(get_program("conformance"), "server", *arguments, timeout_s=240)
    assert result.returncode == 0, result.stdout[-6_000:] + result.stderr[-2_000:]
    results = re.findall(r"^([✓✗]) ([\w-]+): \d+ passed", result.stdout, re.MULTILINE)
    assert len(results) >= min_results


def test_mcp_checkers_report_no_problem(ada: User) -> None:
    with serving() as site:
        token, foreign = create_token(ada, resource=f"{site}/mcp"), create_token(ada, resource=f"{site}/api")
        checked = run_command("jbt-mcpcheck", f"{site}/mcp", "--token", token, "--json", "--strict")
        scanned = run_command(
            "mcp-authlab", "scan", f"{site}/mcp", "--token", token, "--foreign-token", foreign,
            "--no-login", "--fail-under", "A", "--format", "json",
        )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(checked.stdout)["summary"]["passed"] == 8
    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
    assert json.loads(scanned.stdout)["grade"] == "A"
