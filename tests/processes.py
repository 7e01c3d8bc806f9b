"""Processes of the product on the test database, started, watched and stopped by the test."""

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.db import connection

from core.db.roles import Role
from picard.postgres.manager import ROLES, EmbeddedPostgres
from tests.citus import cluster

PROJECT = Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


def environment(**variables: str) -> dict[str, str]:
    """Return the environment for a command that uses the database and the keys of this test."""
    base = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PICARD_HOME", "PYTEST_CURRENT_TEST")
    }
    return {
        **base,
        "DATABASE_URL": database_url(Role.WEB),
        "SYSTEM_DATABASE_URL": database_url(Role.SYSTEM),
        "MIGRATE_DATABASE_URL": database_url(Role.OWNER),
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_ENCRYPTION_KEY": ",".join(settings.FIELD_ENCRYPTION_KEY),
        "PICARD_HOME": str(settings.PICARD_HOME),
        "PICARD_ENV_FILE": "",
        **variables,
    }


def database_url(role: Role) -> str:
    """Return the URL by which a server connects to the test database in this role."""
    params = connection.get_connection_params()
    if cluster.URL:
        return cluster.build_url(ROLES[role], str(params["dbname"]))
    login = (ROLES[role], EmbeddedPostgres(settings.PICARD_HOME / "postgres").password(ROLES[role]))
    name, user, password = (quote(str(part), safe="") for part in (params["dbname"], *login))
    return f"postgresql://{user}:{password}@/{name}?{urlencode({'host': params['host'], 'port': params['port']})}"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments until it exits."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a management command in the background during the block."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    try:
        yield process
    finally:
        stop_process(process)


@contextmanager
def serving(**variables: str) -> Iterator[str]:
    """Run the whole product on the test database; yield its URL when it is ready."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    defaults = {"PORT": str(port), "PUBLIC_URL": address, "WEB_WORKERS": "1"}
    with running("up", **(defaults | variables)) as process:
        wait_until(lambda: _is_ready(process, address), seconds=60)
        yield address


def end_with_parent() -> None:
    """Let the new process end with the thread that starts it, also if that is killed: Popen's `preexec_fn`.

    A server that is left behind would hold the test database.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_ready(process: subprocess.Popen[bytes], address: str) -> bool:
    assert process.poll() is None, "the server exited during startup"
    return answers(f"{address}/readyz")


def answers(url: str) -> bool:
    """Return whether a GET request gets a 200 now. Uses http.client, which loads no certificates: callers poll."""
    parts = urlsplit(url)
    client = http.client.HTTPConnection(parts.netloc, timeout=10)
    with contextlib.closing(client):
        try:
            client.request("GET", parts.path)
            return client.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def stop_process(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], *, seconds: float = 120) -> None:
    """Return as soon as the condition holds. Raises AssertionError on timeout."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {seconds:.0f} s"
        time.sleep(0.05)
