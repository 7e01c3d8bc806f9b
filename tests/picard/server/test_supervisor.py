"""`manage.py up`: it restarts its programs, and stops all of them at the end."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.core.management import call_command
from django.db import connection

from core.db.migration_lock import migration_lock
from picard.config.paths import PROJECT
from tests.processes import end_with_parent

# A program that writes its process ID and runs on, and its supervisor with short timeouts.
PROGRAM = (
    "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'a'), flush=True); {}; time.sleep(99)"
)
SUPERVISOR = """
import sys
from picard.server import supervisor
supervisor.STOP_GRACE_S, supervisor.FIRST_BACK_OFF_S = float(sys.argv[3]), 0.01
supervisor.MAX_BACK_OFF_S = 0.1
program = supervisor.Program(
    "The program", [sys.executable, "-c", sys.argv[1], sys.argv[2]], is_required=sys.argv[4] == "required"
)
sys.exit(supervisor.Supervisor([program], print).run())
"""


class Supervised:
    """A supervisor in a separate process, and the process IDs of its program."""

    def __init__(
        self, pids: Path, statement: str = "pass", grace_s: float = 8, need: str = "required"
    ) -> None:
        command = [sys.executable, "-c", SUPERVISOR, PROGRAM.format(statement), str(pids), str(grace_s), need]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
        )
        self._pids = pids

    def program(self, nth: int = 0) -> psutil.Process:
        """Return the program's process after `nth` restarts."""
        _wait_until(lambda: self._pids.exists() and len(self._pids.read_text().split()) > nth)
        return psutil.Process(int(self._pids.read_text().split()[nth]))

    def count_starts(self) -> int:
        return len(self._pids.read_text().split()) if self._pids.exists() else 0

    def wait(self) -> tuple[int, str]:
        """Wait for the end; return exit code and output."""
        output, _ = self.process.communicate(timeout=10)
        return self.process.returncode, output


def test_sigterm_and_ctrl_c_stop_the_program(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        supervised = Supervised(tmp_path / number.name)
        program = supervised.program()
        supervised.process.send_signal(number)
        assert supervised.wait() == (0, "")
        assert not _is_alive(program)


def test_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1] + '-ready', 'w')"
    supervised = Supervised(tmp_path / "pids", ignore, grace_s=0.3)
    program = supervised.program()
    _wait_until((tmp_path / "pids-ready").exists)
    supervised.process.terminate()
    assert supervised.wait()[0] == 0
    assert not _is_alive(program)


def test_second_ctrl_c_kills_at_once(tmp_path: Path) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1] + '-ready', 'w')"
    supervised = Supervised(tmp_path / "pids", ignore, grace_s=60)
    program = supervised.program()
    _wait_until((tmp_path / "pids-ready").exists)
    supervised.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.wait()[0] == 0
    assert not _is_alive(program)


def test_killed_program_is_restarted(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "pids")
    supervised.program().kill()
    assert supervised.program(1).is_running()
    supervised.process.terminate()
    code, output = supervised.wait()
    assert (code, output) == (0, "The program exited (exit code -9). Restarting in 0.01 s.\n")


def test_children_of_a_killed_program_are_killed(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "pids", "os.fork()")
    program = supervised.program()
    _wait_until(lambda: bool(program.children()))
    [child] = program.children()
    program.kill()
    supervised.program(1)
    _wait_until(lambda: not _is_alive(child))
    supervised.process.terminate()
    supervised.wait()


def test_program_that_keeps_exiting_stops_everything(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "pids", "sys.exit(3)")
    code, output = supervised.wait()
    assert code == 1
    assert output.endswith("The program exited 5 times within a minute (exit code 3). Stopping.\n")


def test_optional_program_that_keeps_exiting_stops_nothing(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "pids", "sys.exit(3)", need="optional")
    _wait_until(lambda: supervised.count_starts() > 6)  # begun again after five deaths
    assert supervised.process.poll() is None
    supervised.process.terminate()
    code, output = supervised.wait()
    assert code == 0
    assert (
        "5 times within a minute (exit code 3). The rest goes on without it. Restarting in 0.1 s.\n" in output
    )


@pytest.mark.skipif(sys.platform != "linux", reason="requires Linux's PR_SET_PDEATHSIG")
def test_program_stops_if_the_supervisor_is_killed(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "pids")
    program = supervised.program()
    supervised.process.kill()
    supervised.wait()
    _wait_until(lambda: not _is_alive(program))


@pytest.mark.django_db
def test_second_migrate_waits_for_the_first() -> None:
    second = threading.Thread(target=_migrate)
    with migration_lock(connection):
        second.start()
        second.join(0.3)
        assert second.is_alive()
    second.join(10)
    assert not second.is_alive()


class Up:
    """`manage.py up` with its own home and port."""

    def __init__(self, home: Path) -> None:
        self.port = _free_port()
        self.home = home
        self.process = self.start()

    def start(self) -> "subprocess.Popen[str]":
        environment = {"PICARD_HOME": str(self.home), "PORT": str(self.port), "WEB_WORKERS": "1"}
        command = [sys.executable, str(PROJECT / "manage.py"), "up"]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env=os.environ | environment, preexec_fn=end_with_parent, **options)  # type: ignore[call-overload, no-any-return]

    def wait_until_ready(self) -> str:
        """Return the output until the server is ready."""
        lines = []
        for line in self.process.stdout or []:
            lines.append(line)
            if "Press Ctrl-C to stop" in line:
                break
        return "".join(lines)

    def get(self, path: str) -> tuple[int, bytes]:
        server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(server):
            server.request("GET", path)
            response = server.getresponse()
            return response.status, response.read()

    def processes(self) -> list[psutil.Process]:
        """Return its programs with their children, and the database."""
        return [*psutil.Process(self.process.pid).children(recursive=True), self.database()]

    def database(self) -> psutil.Process:
        return psutil.Process(int((self.home / "postgres/data/postmaster.pid").read_text().split()[0]))

    def web_server(self) -> psutil.Process | None:
        children = psutil.Process(self.process.pid).children()
        return next((child for child in children if "gunicorn" in _command_line(child)), None)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        up = Up(Path(folder) / "picard")
        yield up
        up.process.kill()
        up.process.communicate()


def test_up_prints_urls_and_paths(up: Up) -> None:
    output = up.wait_until_ready()
    assert f"Open      http://127.0.0.1:{up.port}/" in output
    assert f"Sign up   http://127.0.0.1:{up.port}/accounts/signup/" in output
    assert f"Data      {up.home}" in output
    assert f"Keys      {up.home / 'keys'}" in output


def test_up_becomes_ready(up: Up) -> None:
    status, body = up.get("/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ok")


def test_thirty_slow_clients_do_not_delay_others(up: Up) -> None:
    slow = [socket.create_connection(("127.0.0.1", up.port)) for _ in range(30)]
    for client in slow:
        client.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\na")
    started_at = time.monotonic()
    assert up.get("/readyz")[0] == 200
    assert time.monotonic() - started_at < 2
    for client in slow:
        client.close()


def test_body_above_the_limit_is_rejected_with_413(up: Up) -> None:
    with socket.create_connection(("127.0.0.1", up.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20000000\r\n\r\na")
        response = b"".join(iter(lambda: client.recv(65_536), b""))  # until the server closes the connection
    assert response.startswith(b"HTTP/1.1 413")


def test_up_survives_a_killed_database_and_a_killed_web_server(up: Up) -> None:
    up.database().kill()
    _wait_until(up.is_ready)
    web = up.web_server()
    assert web
    web.kill()
    _wait_until(lambda: up.web_server() not in (None, web))
    _wait_until(up.is_ready)


def test_port_in_use_is_reported_before_anything_starts(up: Up) -> None:
    second = up.start()
    output, _ = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{up.port}" in output
    assert "Starting" not in output


def test_sigterm_stops_all_processes_within_ten_seconds(up: Up) -> None:
    processes = up.processes()
    assert len(processes) >= 4
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=5)) as idle:
        idle.request("GET", "/healthz")
        idle.getresponse().read()  # the connection stays open and idle
        up.process.terminate()
        output, _ = up.process.communicate(timeout=10)
    assert up.process.returncode == 0, output
    assert "Forcing close" not in output  # gunicorn's message if waiting for a connection timed out
    assert not [process for process in processes if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    """Return whether the process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _migrate() -> None:
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()


def _wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "Timed out."
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
