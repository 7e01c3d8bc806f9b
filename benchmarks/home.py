"""A home of its own for one benchmark: another database, other keys, nothing of anybody's data."""

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

MARK = "benchmark"  # a file in the home, which says that it may be filled and thrown away
STOP_TIMEOUT_S = 60
# Where the caller's data lies, by which keys, and what would make another product of it than the one shipped.
EXCLUDED_VARIABLES = (
    "DATABASE_URL", "SECRET_KEY", "SECRET_KEY_FILE", "FIELD_ENCRYPTION_KEY", "FIELD_ENCRYPTION_KEY_FILE", "DEBUG",
    "PUBLIC_URL", "ALLOWED_HOSTS", "TRUSTED_PROXY_HOPS", "EMAIL_URL", "MAX_BODY_BYTES", "EMBEDDING_DIMENSIONS",
    "SEARCH_LANGUAGE", "LOG_LEVEL", "PICARD_PG_FSYNC",
)  # fmt: skip


def is_benchmark_home() -> bool:
    """Whether this process already works in such a home."""
    return (settings.PICARD_HOME / MARK).exists()


def is_home_needed() -> bool:
    """Whether there is no database here yet, or one that this version cannot work with."""
    return not health.check_migrations()


def run_in_temporary_home(
    arguments: Sequence[str], settings_of_its_own: Mapping[str, str], *, keep: bool
) -> tuple[int, Path]:
    """Run `python -m benchmarks <arguments>` in a fresh home, with these settings besides, to its end.

    Returns its exit code, and where the home was.
    """
    with _create_temporary_home(keep) as home, _interrupt_on_sigterm():
        command = [sys.executable, "-m", "benchmarks", *arguments]
        environment = _build_environment(home, settings_of_its_own)
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
    home.chmod(0o711)  # root's PostgreSQL runs as another account, which must enter
    (home / MARK).touch()
    server = EmbeddedPostgres(home / "postgres")
    try:
        yield home
    finally:
        _stop_server(server)
        if not keep:
            shutil.rmtree(home)
            shutil.rmtree(server.socket_folder, ignore_errors=True)  # outside the home when its path is long


def _stop_server(server: EmbeddedPostgres) -> None:
    """Until it is gone: on a busy machine a server that does not answer in time may still run."""
    until = time.monotonic() + STOP_TIMEOUT_S
    while server.looks_alive() and time.monotonic() < until:
        server.stop()


def _build_environment(home: Path, settings_of_its_own: Mapping[str, str]) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name not in EXCLUDED_VARIABLES}
    own = {"PICARD_HOME": str(home), "PICARD_ENV_FILE": "", "TMPDIR": str(home)}
    return {**passed_on, **settings_of_its_own, **own}


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
