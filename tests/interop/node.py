"""Node.js programs of others, as tests/interop/package.json pins them: what `make test` installed, run to their end."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MODULES = HERE / "node_modules"


def node() -> Path:
    """The Node.js of the npm packages. Without it the test is skipped, or fails where CI=true."""
    found = sorted(MODULES.glob("node-linux-*/bin/node"))
    if found and (MODULES / ".installed").exists():
        return found[0]
    if os.environ.get("CI") == "true":
        pytest.fail(
            "tests/interop/node_modules is missing, and CI=true: `make test` installs it where npm is"
        )
    pytest.skip("tests/interop/node_modules is missing: apt-get install npm, then `make test`")


def program(name: str) -> Path:
    """A command that a package brings, as `npx` would find it."""
    return (MODULES / ".bin" / name).resolve()


def command(script: Path, *arguments: str) -> list[str]:
    """How to run a program by this Node.js, for whoever starts the process."""
    return [str(node()), str(script), *arguments]


def environment(**variables: str) -> dict[str, str]:
    """With this Node.js first in the path, for programs that start others by `node`."""
    path = f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "NO_COLOR": "1", **variables}


def run_node(
    script: Path, *arguments: str, timeout_s: float = 120, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; the finished process, whose output is text."""
    return subprocess.run(
        command(script, *arguments),
        cwd=HERE,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
