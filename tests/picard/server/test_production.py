"""The web server with an operator's settings: behind a proxy, by an account that may write nothing of the project."""

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
from tests.processes import PROJECT, answers, environment, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PUBLIC = "https://memory.example.org"
BY_PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Host": "memory.example.org"}


def account() -> int | None:
    """Root lends itself to the database's account, if that can run this Python; anybody else stays who they are."""
    owner = Path(connection.get_connection_params()["host"]).stat().st_uid
    if os.geteuid() or owner == os.geteuid():
        return None
    with suppress(PermissionError):
        subprocess.run([sys.executable, "-c", ""], user=owner, cwd=PROJECT, check=True)
        return owner
    return None


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[str]:
    """The address behind the proxy."""
    port, who = free_port(), account()
    variables = environment(
        PUBLIC_URL=PUBLIC, TRUSTED_PROXY_HOPS="1", PORT=str(port), WEB_WORKERS="1", PICARD_HOME=str(tmp_path)
    )
    if has_stale_static_files():  # on a fresh checkout nothing else may have collected them yet
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
        command, cwd=PROJECT, env=variables, user=who, stderr=subprocess.DEVNULL
    ) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _is_ready(process, address), seconds=60)
            yield address
        finally:
            process.terminate()


def _is_ready(process: "subprocess.Popen[bytes]", address: str) -> bool:
    assert process.poll() is None, "it ended instead of serving"
    return answers(f"{address}/readyz")


def test_https_is_insisted_on_and_cookies_are_secure(proxied: str) -> None:
    plain = httpx.get(f"{proxied}/accounts/login/", headers={**BY_PROXY, "X-Forwarded-Proto": "http"})
    assert (plain.status_code, plain.headers["Location"]) == (301, f"{PUBLIC}/accounts/login/")
    page = httpx.get(f"{proxied}/healthz", headers=BY_PROXY)
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert (
        httpx.get(f"{proxied}/api/v1/whoami/", headers={**BY_PROXY, "Host": "evil.example.org"}).status_code
        == 400
    )
    found = httpx.get(f"{proxied}/.well-known/oauth-authorization-server", headers=BY_PROXY).json()
    assert found["issuer"] == PUBLIC
