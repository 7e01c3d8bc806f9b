"""Run the web server as `make run` does, or with gunicorn's gthread, and measure its memory."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from django.conf import settings

from picard.management.commands import up

START_TIMEOUT_S = 120
SAMPLE_S = 0.02
MB = 1_000_000


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class WebServer:
    """A running gunicorn."""

    def __init__(self, name: str, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.name, self.port = name, port
        self._master = psutil.Process(process.pid)

    def list_workers(self) -> list[psutil.Process]:
        return self._master.children(recursive=True)

    def measure_worker_mb(self) -> float:
        """Return the resident memory of the largest web worker."""
        return max(process.memory_info().rss for process in self.list_workers()) / MB

    def measure_cpu_s(self) -> float:
        """Return the CPU time of its processes until now."""
        times = [process.cpu_times() for process in (self._master, *self.list_workers())]
        return sum(each.user + each.system for each in times)

    @contextlib.contextmanager
    def record_peak_mb(self) -> Iterator[list[float]]:
        """Record the peak resident memory of its largest process during the block, in a list with one item."""
        peak = [0.0]
        is_finished = threading.Event()

        def sample() -> None:
            while True:
                with contextlib.suppress(psutil.NoSuchProcess):
                    server_processes = [self._master, *self.list_workers()]
                    peak[0] = max(
                        peak[0],
                        *(server_process.memory_info().rss / MB for server_process in server_processes),
                    )
                if is_finished.wait(SAMPLE_S):
                    return

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield peak
        finally:
            is_finished.set()
            thread.join()


def build_gateway_command() -> list[str]:
    """Return the command of `manage.py up`."""
    return list(up.list_programs()[0].command)


def build_gthread_command() -> list[str]:
    """Return the same command with gunicorn's gthread instead of the front server."""
    command = [
        "picard.wsgi:application" if part == "picard.asgi:application" else part
        for part in build_gateway_command()
    ]
    return [*command, "--worker-class", "gthread", "--threads", str(settings.WEB_THREADS)]


def build_stock_command() -> list[str]:
    """Return the command of the front server with another application (benchmarks/servers/stock_site.py)."""
    return [
        "benchmarks.servers.stock_site:application" if part == "picard.asgi:application" else part
        for part in build_gateway_command()
    ]


@contextlib.contextmanager
def run_server(
    name: str,
    command: list[str],
    port: int,
    log: Path,
    *,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[WebServer]:
    """Run a server during the block, in the folder, logging to the file. Raises RuntimeError if it does not start."""
    own = {"PORT": str(port), "BIND": "127.0.0.1", "PUBLIC_URL": settings.PUBLIC_URL}
    environment = {**os.environ, **own, **(variables or {})}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        try:
            _wait_until_ready(process, port, log)
            yield WebServer(name, port, process)
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def run_indexing_worker() -> Iterator[None]:
    """Run the worker during the block."""
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "worker"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The web server did not start: {log.read_text(errors='replace')[-2000:]}")
