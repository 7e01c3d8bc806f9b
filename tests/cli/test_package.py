"""The package is built, installed and used as by anybody: two lines from nothing to a memory."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from picard_memory.version import VERSION as SDK_VERSION

from accounts.models import User
from core.version import VERSION
from picard.config.paths import PROJECT
from tests.oauth.device.devices import answer

CLI = PROJECT / "cli"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as `make wheel` builds it, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(CLI, folder / "cli", ignore=shutil.ignore_patterns("__pycache__"))
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "uv",
        "build",
        "--quiet",
        "--offline",
        "--wheel",
        "--out-dir",
        folder,
        source,
    ]
    subprocess.run(build, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment in which only the wheel is installed."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--disable-pip-version-check",
        wheel,
    ]
    installed = subprocess.run(pip, capture_output=True, text=True, check=False)
    if installed.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"pip could not install the wheel: {installed.stderr.strip().splitlines()[-1]}")
    assert installed.returncode == 0, installed.stderr
    return folder / "bin"


def read_blocks(language: str) -> list[str]:
    """Return the commands or programs of docs/cli.md after the installation."""
    page = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
    return [
        block
        for block in re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)
        if "pip install" not in block
    ]


def log_in(fresh: Path, site: str, user: User, environment: dict[str, str]) -> None:
    """Run `picard login`, and enter its code in the user's browser."""
    command: list[str | Path] = [fresh / "picard", "login", site]
    shown = ""
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as login:
        assert login.stderr is not None
        for line in login.stderr:
            shown += line
            if code := re.fullmatch(r"\s+([A-Z]{4}-?[A-Z]{4})\s+", line):
                assert answer(user, code[1]).status_code == 302
    assert login.returncode == 0, shown
    assert f"Logged in to {site}" in shown


@pytest.mark.slow
def test_every_command_of_the_guide_works_in_a_fresh_environment(
    fresh: Path, site: str, eve: User, tmp_path: Path
) -> None:
    environment = {
        "PATH": f"{fresh}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PICARD": site,
        "PICARD_KEYRING": "off",
    }
    log_in(fresh, site, eve, environment)
    identity = ["-c", "user.name=Eve", "-c", "user.email=eve@example.org"]
    commit = ["commit", "--quiet", "--allow-empty", "--message", "Fix the door"]
    for command in (["init", "--quiet"], [*identity, *commit]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    blocks = read_blocks("sh")
    assert len(blocks) >= 5
    for block in blocks:
        bash = ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(
            bash, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
    for program in read_blocks("python"):
        subprocess.run([fresh / "python", "-c", program], env=environment, check=True)
    files = [path for path in (tmp_path / ".config" / "picard-memory").rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_both_names_of_the_command_are_installed(fresh: Path) -> None:
    for name in ("picard", "picard-memory"):
        shown = subprocess.run([fresh / name, "--version"], capture_output=True, text=True, check=True).stdout
        assert shown == f"picard-memory {VERSION}\n"


def test_the_package_has_the_version_of_the_server_and_its_types() -> None:
    project = tomllib.loads((CLI / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == SDK_VERSION == VERSION
    assert (CLI / "src" / "picard_memory" / "py.typed").exists()


def test_the_package_needs_nothing_of_the_server() -> None:
    """Neither Django nor a package of the server; the server's image and requirements do not have it."""
    for path in (CLI / "src").rglob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        own = {"picard_memory", "click", "httpx", "anyio", "keyring"}
        assert set(imported) <= own | sys.stdlib_module_names, path
    assert "cli" not in (PROJECT / ".dockerignore").read_text(encoding="utf-8").replace("!.ci", "")
    assert "picard-memory" not in (PROJECT / "requirements.in").read_text(encoding="utf-8")


def test_every_public_name_exists_and_is_imported_when_it_is_used() -> None:
    """Checked in a process of its own, because the tests import everything."""
    code = (
        "import sys, picard_memory.commands.main\n"
        "assert 'httpx' not in sys.modules\n"
        "assert all(getattr(picard_memory, name) for name in picard_memory.__all__)\n"
        "assert set(picard_memory.__all__) == {n for names in picard_memory._MODULES.values() for n in names}"
    )
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(CLI / "src")}, check=True
    )


def test_the_synchronous_client_is_generated_from_the_asynchronous_one() -> None:
    """Otherwise: make client."""
    generator = runpy.run_path(str(CLI / "generate_client.py"))
    assert generator["TARGET"].read_text(encoding="utf-8") == generator["generate_client"]()
