"""`make smoke`: it passes on a working site, and reports the first failing step otherwise."""

import subprocess
import sys

import pytest

from picard.config.paths import PROJECT
from tests.processes import free_port, serving

pytestmark = pytest.mark.slow


def smoke(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "picard.smoke", url],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_working_site_passes_every_step(transactional_db: None) -> None:
    with serving(EMBEDDING_PROVIDER="local") as url:
        process = smoke(url)
    assert process.returncode == 0, process.stdout
    assert process.stdout.count("ok    ") == 12
    assert process.stdout.endswith("The smoke test passed.\n")


def test_unreachable_site_fails_at_the_first_step() -> None:
    process = smoke(f"http://127.0.0.1:{free_port()}")
    assert process.returncode == 1
    assert process.stdout.startswith("FAIL  server is alive: ConnectError")
