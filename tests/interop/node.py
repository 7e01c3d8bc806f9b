"""Third-party Node.js programs, pinned in tests/interop/package.json and installed by `make test`."""

import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).resolve().parent
MODULES = HERE / "node_modules"


def skip_missing(folder: str) -> NoReturn:
    """Skip the test because a folder of third-party programs is missing, or fail if CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{folder} is missing, and CI=true: `make test` installs it if npm exists")
    pytest.skip(f"{folder} is missing: apt-get install npm, then `make test`")


def find_node() -> Path:
    """Return the Node.js of the npm packages. Without it, skip the test, or fail if CI=true."""
    binaries = sorted(MODULES.glob("node-linux-*/bin/node"))
    if binaries and (MODULES / ".installed").exists():
        return binaries[0]
    skip_missing("tests/interop/node_modules")


def get_program(name: str) -> Path:
    """Return a command of a package, as `npx` finds it."""
    return (MODULES / ".bin" / name).resolve()


def build_command(script: Path, *arguments: str) -> list[str]:
    """Return the command line that runs a program with this Node.js."""
    return [str(find_node()), str(script), *arguments]


def build_environment(**variables: str) -> dict[str, str]:
    """Return an environment with this Node.js first in PATH, for programs that start `node`."""
    path = f"{find_node().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "NO_COLOR": "1", **variables}


def run_node(
    script: Path, *arguments: str, timeout_s: float = 120, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program until it exits; return the process, with text output."""
    return subprocess.run(
        build_command(script, *arguments),
        cwd=HERE,
        env=build_environment(**variables),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
