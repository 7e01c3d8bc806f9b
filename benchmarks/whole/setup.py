"""What an adapter gets to start its server: a folder, the work, and Python environments with the products."""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection as database

from benchmarks.peers.runner import create_database
from benchmarks.servers.processes import WebServer
from benchmarks.whole.work import Work

# Created by the Makefile, if there is a Python 3.12.
PYTHON_312 = Path(settings.BASE_DIR) / "build" / "benchmark-peers-312" / "bin" / "python"
KEY = "a-key-of-the-benchmark"  # of servers whose key the environment sets
REQUEST_TIMEOUT_S = 60
IDLE_WINDOW_S = 0.5
IDLE_SHARE = 0.05  # of a core
IDLE_TIMEOUT_S = 600.0


class ServerNotRun(Exception):
    """A server is not installed, or did not start. The message says why."""


@dataclass(frozen=True)
class Setup:
    """folder: the server's own, empty. embeddings_url: of Picard's model as an OpenAI-compatible endpoint."""

    folder: Path
    work: Work
    embeddings_url: str

    @property
    def log(self) -> Path:
        return self.folder / "log"


def find_python(python: Path, *modules: str) -> str:
    """Return the path of an environment's Python. Raises ServerNotRun if it or one of the modules is missing."""
    if not python.exists():
        raise ServerNotRun(f"not installed: no environment {python.parent.parent.name}")
    packages = next((python.parent.parent / "lib").glob("python*/site-packages"))
    for module in modules:
        if not (packages / module).exists():
            raise ServerNotRun(f"not installed: no {module} in {python.parent.parent.name}")
    return str(python)


def build_variables(folder: Path, **variables: str) -> dict[str, str]:
    """Return environment variables of a server that must keep its files below the folder, and send nothing anywhere."""
    offline = {
        "HF_HUB_OFFLINE": "1",
        "ANONYMIZED_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
        "OTEL_SDK_DISABLED": "true",
    }
    return {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": "", **offline, **variables}


def read_versions(python: str, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages in an environment, from the names of its folders."""
    versions = {}
    for package in packages:
        pattern = f"python*/site-packages/{package.replace('-', '_')}-*.dist-info"
        found = next((Path(python).parent.parent / "lib").glob(pattern), None)
        if found:
            versions[package] = found.name.removesuffix(".dist-info").rsplit("-", 1)[1]
    return versions


def create_server_database(name: str) -> dict[str, str]:
    """Create a database on Picard's PostgreSQL, and return libpq's variables of the connection to it."""
    create_database(name)
    parameters = database.get_connection_params()
    own = {
        "PGDATABASE": name,
        "PGUSER": parameters.get("user", ""),
        "PGPASSWORD": parameters.get("password", ""),
    }
    return own | {
        "PGHOST": str(parameters.get("host", "")),
        "PGPORT": str(parameters.get("port", "") or 5432),
    }


def post(
    port: int, path: str, body: object, headers: Mapping[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send JSON to a server while it is set up. Returns the response and its content. Raises OSError if refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT_S)
    try:
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        connection.request("POST", path, json.dumps(body), all_headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise OSError(f"{path} answered {response.status}: {content[:200]!r}")
    return response, content


def wait_until_idle(server: WebServer) -> None:
    """Wait until the server does no more work after its answers. Raises TimeoutError if it does not end."""
    deadline = time.monotonic() + IDLE_TIMEOUT_S
    while time.monotonic() < deadline:
        before = server.measure_cpu_s()
        time.sleep(IDLE_WINDOW_S)
        if server.measure_cpu_s() - before < IDLE_SHARE * IDLE_WINDOW_S:
            return
    raise TimeoutError(f"{server.name} did not become idle.")
