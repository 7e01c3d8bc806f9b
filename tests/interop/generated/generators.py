"""Generate and build four clients from docs/openapi.yaml, as a developer would, without changing any output."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from picard.config.paths import PROJECT
from tests.interop.node import MODULES, build_command, build_environment, get_program

HERE = Path(__file__).resolve().parent
DESCRIPTION = PROJECT / "docs" / "openapi.yaml"
INSTALLED = PROJECT / "build" / "interop-generators"
TIMEOUT_S = 120
CODE_ONLY = dict.fromkeys(("apiDocs", "apiTests", "modelDocs", "modelTests"), "false")


def find_generator(name: str) -> str:
    """Return a program of the generators' environment. Without it, skip the test, or fail if CI=true."""
    if (INSTALLED / ".installed").exists():
        return str(INSTALLED / "bin" / name)
    if os.environ.get("CI") == "true":
        pytest.fail("build/interop-generators is missing, and CI=true: `make test` installs it")
    pytest.skip("build/interop-generators is missing: `make test` installs it")


def generate_clients(folder: Path) -> None:
    """Run the generators at the same time, then the TypeScript compiler. Fails with their output."""
    configs = [
        _write_config("python", folder, packageName="picard_urllib3"),
        _write_config("typescript-fetch", folder / "typescript-fetch"),
    ]
    description = str(DESCRIPTION)
    commands = [
        [find_generator("openapi-generator-cli"), "batch", "--fail-fast", *configs],
        [
            find_generator("openapi-python-client"), "generate", "--path", description, "--fail-on-warning",
            "--meta", "none", "--output-path", str(folder / "picard_httpx"),
        ],
        build_command(get_program("openapi-typescript"), description, "--output", str(folder / "schema.ts")),
    ]  # fmt: skip
    with ThreadPoolExecutor() as pool:
        list(pool.map(run_program, commands))
    for source in (*HERE.glob("*.ts"), HERE / "tsconfig.json", *HERE.glob("with_*.py")):
        shutil.copy(source, folder)
    (folder / "node_modules").symlink_to(MODULES)
    run_program(build_command(get_program("tsc"), "--project", str(folder)))


def run_program(command: list[str]) -> str:
    """Return the output of a program. Fails with it if the program fails."""
    # The generators start others of their environment. The first compiler of Java suffices for a run of seconds.
    path = f"{INSTALLED / 'bin'}{os.pathsep}{build_environment()['PATH']}"
    environment = build_environment(PATH=path, JAVA_OPTS="-XX:TieredStopAtLevel=1")
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def _write_config(generator: str, folder: Path, **properties: str) -> str:
    """Write the configuration of a generator for the `batch` command of openapi-generator; return its path."""
    config = {
        "generatorName": generator,
        "inputSpec": str(DESCRIPTION),
        "outputDir": str(folder),
        "globalProperties": CODE_ONLY,
        "additionalProperties": properties,
    }
    folder.mkdir(exist_ok=True)
    path = folder / "generator.json"
    path.write_text(json.dumps(config))
    return str(path)
