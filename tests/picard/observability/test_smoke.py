"""`make smoke` says of a site that works that it does, and of one that does not where it stops."""

import subprocess
import sys

import pytest

from picard.config.paths import PROJECT
from tests.processes import free_port, serving

pytestmark = pytest.mark.slow


def smoke(address: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "picard.smoke", address],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_working_site_passes_every_step(transactional_db: None) -> None:
    with serving(EMBEDDING_PROVIDER="local") as address:
        done = smoke(address)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ok    ") == 12
    assert done.stdout.endswith("The site works.\n")


def test_an_address_where_nobody_is_fails_at_once() -> None:
    done = smoke(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  the server lives: ConnectError")
