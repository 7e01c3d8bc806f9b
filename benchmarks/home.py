"""A temporary PICARD_HOME for a benchmark, with its own database and keys and no user data."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from django.conf import settings

from picard.observability import health
from picard.postgres.manager import EmbeddedPostgres

MARK = "benchmark"  # file that marks a home as disposable
TEMPLATE = (
    "BENCHMARK_TEMPLATE"  # variable with the path of a migrated home to copy; default: a new home is migrated
)
STOP_TIMEOUT_S = 60
# Variables that point to the caller's data or keys, or change the product from its defaults.
EXCLUDED_VARIABLES = (
    "DATABASE_URL", "SYSTEM_DATABASE_URL", "MIGRATE_DATABASE_URL",
    "SECRET_KEY", "SECRET_KEY_FILE", "FIELD_ENCRYPTION_KEY", "FIELD_ENCRYPTION_KEY_FILE", "DEBUG",
    "PUBLIC_URL", "ALLOWED_HOSTS", "TRUSTED_PROXY_HOPS", "EMAIL_URL", "MAX_BODY_BYTES", "EMBEDDING_DIMENSIONS",
    "SEARCH_LANGUAGE", "LOG_LEVEL", "PICARD_PG_FSYNC",
)  # fmt: skip


def is_benchmark_home() -> bool:
    """Return whether this process already runs in a temporary home."""
    return (settings.PICARD_HOME / MARK).exists()


def is_home_needed() -> bool:
    """Return whether the database is missing or not migrated to this version."""
    return not health.check_migrations()


def run_in_temporary_home(
    arguments: Sequence[str], variables: Mapping[str, str], *, keep: bool
) -> tuple[int, Path]:
    """Run `python -m benchmarks <arguments>` in a temporary home with extra environment variables.

    Returns the exit code and the path of the home.
    """
    with _create_temporary_home(keep) as home, _interrupt_on_sigterm():
        command = [sys.executable, "-m", "benchmarks", *arguments]
        environment = _build_environment(home, variables)
        with subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment) as child:
            try:
                return child.wait(), home
            except KeyboardInterrupt:
                child.send_signal(signal.SIGINT)
                child.wait()
                return 130, home


@contextlib.contextmanager
def _create_temporary_home(keep: bool) -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="picard-benchmark-"))
    home.chmod(0o711)  # as root, PostgreSQL runs under another account, which needs access
    if template := os.environ.get(TEMPLATE):
        subprocess.run(["cp", "-a", f"{template}/.", home], check=True)
    (home / MARK).touch()
    server = EmbeddedPostgres(home / "postgres")
    try:
        yield home
    finally:
        _stop_server(server)
        if not keep:
            shutil.rmtree(home)
            shutil.rmtree(server.socket_folder, ignore_errors=True)  # outside the home if its path is long


def _stop_server(server: EmbeddedPostgres) -> None:
    """Stop the server, with retries: on a busy machine it may not stop in time."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while server.looks_alive() and time.monotonic() < deadline:
        server.stop()


def _build_environment(home: Path, variables: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in EXCLUDED_VARIABLES}
    overrides = {"PICARD_HOME": str(home), "PICARD_ENV_FILE": "", "TMPDIR": str(home)}
    return {**inherited, **variables, **overrides}


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    previous_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous_handler)
