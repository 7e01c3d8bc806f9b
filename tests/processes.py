"""Other processes of the product, on the test's own database: started, watched and stopped by the test itself."""

import contextlib
import http.client
import os
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

PROJECT = Path(__file__).resolve().parent.parent


def environment(**variables: str) -> dict[str, str]:
    """The environment in which a command works on this test's database, with this test's keys."""
    base = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PICARD_HOME", "PYTEST_CURRENT_TEST")
    }
    return {
        **base,
        "DATABASE_URL": database_url(),
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_ENCRYPTION_KEY": ",".join(settings.FIELD_ENCRYPTION_KEY),
        "PICARD_HOME": str(settings.PICARD_HOME),
        "PICARD_ENV_FILE": "",
        **variables,
    }


def database_url() -> str:
    params = connection.get_connection_params()
    name, user, password = (quote(str(params[key]), safe="") for key in ("dbname", "user", "password"))
    return f"postgresql://{user}:{password}@/{name}?{urlencode({'host': params['host'], 'port': params['port']})}"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments to its end."""
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
    """A management command in the background, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        _end(process)


@contextmanager
def serving(**variables: str) -> Iterator[str]:
    """The whole product on this test's database, ready; yields its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    own = {"PORT": str(port), "PUBLIC_URL": address, "WEB_WORKERS": "1"}
    with running("up", **(own | variables)) as process:
        wait_until(lambda: _is_ready(process, address), seconds=60)
        yield address


def _is_ready(process: subprocess.Popen[bytes], address: str) -> bool:
    assert process.poll() is None, "it ended instead of serving"
    return answers(f"{address}/readyz")


def answers(url: str) -> bool:
    """Whether a GET is answered with 200, now. Asked in a loop, so by a client that reads no certificates first."""
    parts = urlsplit(url)
    asked = http.client.HTTPConnection(parts.netloc, timeout=10)
    with contextlib.closing(asked):
        try:
            asked.request("GET", parts.path)
            return asked.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    """Return as soon as the condition holds. Raises AssertionError after so many seconds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:.0f} s"
        time.sleep(0.05)
