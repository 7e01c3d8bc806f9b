"""Web server in production: behind a proxy, as an account without write access to the project."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from django.db import connection

from picard.management.commands.up import has_stale_static_files
from tests.processes import PROJECT, answers, end_with_parent, environment, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PUBLIC_URL = "https://memory.example.org"
PROXY_HEADERS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Host": "memory.example.org"}


def get_unprivileged_uid() -> int | None:
    """For root, return the database's account if it can run this Python; otherwise None."""
    owner = Path(connection.get_connection_params()["host"]).stat().st_uid
    if os.geteuid() or owner == os.geteuid():
        return None
    with suppress(PermissionError):
        subprocess.run([sys.executable, "-c", ""], user=owner, cwd=PROJECT, check=True)
        return owner
    return None


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that trusts one proxy."""
    port, uid = free_port(), get_unprivileged_uid()
    variables = environment(
        PUBLIC_URL=PUBLIC_URL,
        TRUSTED_PROXY_HOPS="1",
        PORT=str(port),
        WEB_WORKERS="1",
        PICARD_HOME=str(tmp_path),
    )
    if has_stale_static_files():  # on a fresh checkout, they may not be collected yet
        collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(collect, cwd=PROJECT, env=variables, check=True)
    command = [
        sys.executable,
        "-B",
        "-m",
        "gunicorn",
        "--config",
        "python:picard.gunicorn",
        "picard.asgi:application",
    ]
    with subprocess.Popen(
        command, cwd=PROJECT, env=variables, user=uid, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _is_ready(process, url), seconds=60)
            yield url
        finally:
            process.terminate()


def _is_ready(process: "subprocess.Popen[bytes]", url: str) -> bool:
    assert process.poll() is None, "The server exited."
    return answers(f"{url}/readyz")


def test_https_is_required_and_unknown_hosts_are_rejected(proxied: str) -> None:
    redirect = httpx.get(f"{proxied}/accounts/login/", headers={**PROXY_HEADERS, "X-Forwarded-Proto": "http"})
    assert (redirect.status_code, redirect.headers["Location"]) == (301, f"{PUBLIC_URL}/accounts/login/")
    page = httpx.get(f"{proxied}/healthz", headers=PROXY_HEADERS)
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert (
        httpx.get(
            f"{proxied}/api/v1/whoami/", headers={**PROXY_HEADERS, "Host": "evil.example.org"}
        ).status_code
        == 400
    )
    metadata = httpx.get(f"{proxied}/.well-known/oauth-authorization-server", headers=PROXY_HEADERS).json()
    assert metadata["issuer"] == PUBLIC_URL
