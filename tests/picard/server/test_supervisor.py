"""`manage.py up` keeps its programs running, and leaves nothing behind."""

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

# A program that writes its number and lives for ever, and a supervisor over it with short times.
PROGRAM = (
    "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'a'), flush=True); {}; time.sleep(99)"
)
SUPERVISOR = """
import sys
from picard.server import supervisor
supervisor.STOP_GRACE_S, supervisor.FIRST_BACK_OFF_S = float(sys.argv[3]), 0.01
program = supervisor.Program("The program", [sys.executable, "-c", sys.argv[1], sys.argv[2]])
sys.exit(supervisor.Supervisor([program], print).run())
"""


class Supervised:
    """A supervisor in a process of its own, and the numbers its program had."""

    def __init__(self, numbers: Path, does: str = "pass", grace_s: float = 8) -> None:
        command = [sys.executable, "-c", SUPERVISOR, PROGRAM.format(does), str(numbers), str(grace_s)]
        self.process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        self._numbers = numbers

    def program(self, nth: int = 0) -> psutil.Process:
        """The process that was the program for the nth time."""
        _eventually(lambda: self._numbers.exists() and len(self._numbers.read_text().split()) > nth)
        return psutil.Process(int(self._numbers.read_text().split()[nth]))

    def end(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=10)
        return self.process.returncode, said


def test_sigterm_and_ctrl_c_stop_the_program(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        supervised = Supervised(tmp_path / number.name)
        program = supervised.program()
        supervised.process.send_signal(number)
        assert supervised.end() == (0, "")
        assert not _lives(program)


def test_a_program_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1] + 'deaf', 'w')"
    supervised = Supervised(tmp_path / "numbers", deaf, grace_s=0.3)
    program = supervised.program()
    _eventually((tmp_path / "numbersdeaf").exists)
    supervised.process.terminate()
    assert supervised.end()[0] == 0
    assert not _lives(program)


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1] + 'deaf', 'w')"
    supervised = Supervised(tmp_path / "numbers", deaf, grace_s=60)
    program = supervised.program()
    _eventually((tmp_path / "numbersdeaf").exists)
    supervised.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.end()[0] == 0
    assert not _lives(program)


def test_a_killed_program_is_started_again(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "numbers")
    supervised.program().kill()
    assert supervised.program(1).is_running()
    supervised.process.terminate()
    code, said = supervised.end()
    assert (code, said) == (0, "The program died (exit code -9). Starting it again in 0.01 s.\n")


def test_the_children_of_a_killed_program_go_with_it(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "numbers", "os.fork()")
    program = supervised.program()
    _eventually(lambda: bool(program.children()))
    [child] = program.children()
    program.kill()
    supervised.program(1)
    _eventually(lambda: not _lives(child))
    supervised.process.terminate()
    supervised.end()


def test_a_program_that_keeps_dying_stops_everything(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "numbers", "sys.exit(3)")
    code, said = supervised.end()
    assert code == 1
    assert said.endswith("The program died 5 times within a minute (exit code 3). Stopping.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_supervisor_leaves_no_program(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "numbers")
    program = supervised.program()
    supervised.process.kill()
    supervised.end()
    _eventually(lambda: not _lives(program))


@pytest.mark.django_db
def test_a_second_migrate_waits_for_the_first() -> None:
    second = threading.Thread(target=_migrate)
    with migration_lock(connection):
        second.start()
        second.join(0.3)
        assert second.is_alive()
    second.join(10)
    assert not second.is_alive()


class Up:
    """`manage.py up` on a machine of its own, as it were."""

    def __init__(self, home: Path) -> None:
        self.port = _free_port()
        self.home = home
        self.process = self.start()

    def start(self) -> "subprocess.Popen[str]":
        environment = {"PICARD_HOME": str(self.home), "PORT": str(self.port), "WEB_WORKERS": "1"}
        command = [sys.executable, str(PROJECT / "manage.py"), "up"]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env=os.environ | environment, **options)  # type: ignore[call-overload, no-any-return]

    def wait_until_ready(self) -> str:
        """All it said until then."""
        said = []
        for line in self.process.stdout or []:
            said.append(line)
            if "Ctrl-C stops it" in line:
                break
        return "".join(said)

    def get(self, path: str) -> tuple[int, bytes]:
        server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(server):
            server.request("GET", path)
            response = server.getresponse()
            return response.status, response.read()

    def processes(self) -> list[psutil.Process]:
        """Its programs with their children, and the database."""
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


def test_up_says_where_everything_is(up: Up) -> None:
    said = up.wait_until_ready()
    assert f"Open      http://127.0.0.1:{up.port}/" in said
    assert f"Sign up   http://127.0.0.1:{up.port}/accounts/signup/" in said
    assert f"Data      {up.home}" in said
    assert f"Keys      {up.home / 'keys'}" in said


def test_up_serves(up: Up) -> None:
    status, body = up.get("/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ok")


def test_thirty_slow_clients_slow_down_nobody(up: Up) -> None:
    slow = [socket.create_connection(("127.0.0.1", up.port)) for _ in range(30)]
    for client in slow:
        client.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\na")
    started = time.monotonic()
    assert up.get("/readyz")[0] == 200
    assert time.monotonic() - started < 2
    for client in slow:
        client.close()


def test_a_body_above_the_limit_is_refused_on_the_wire(up: Up) -> None:
    with socket.create_connection(("127.0.0.1", up.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20000000\r\n\r\na")
        said = b"".join(iter(lambda: client.recv(65_536), b""))  # until the server closes
    assert said.startswith(b"HTTP/1.1 413")


def test_up_survives_a_killed_database_and_a_killed_web_server(up: Up) -> None:
    up.database().kill()
    _eventually(up.is_ready)
    web = up.web_server()
    assert web
    web.kill()
    _eventually(lambda: up.web_server() not in (None, web))
    _eventually(up.is_ready)


def test_a_taken_port_is_refused_before_anything_starts(up: Up) -> None:
    second = up.start()
    said, _ = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"127.0.0.1:{up.port} cannot be listened on" in said
    assert "Starting" not in said


def test_sigterm_leaves_no_process_after_ten_seconds(up: Up) -> None:
    processes = up.processes()
    assert len(processes) >= 4
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=5)) as idle:
        idle.request("GET", "/healthz")
        idle.getresponse().read()  # the connection stays, and nobody asks anything more on it
        up.process.terminate()
        said, _ = up.process.communicate(timeout=10)
    assert up.process.returncode == 0, said
    assert "Forcing close" not in said  # as gunicorn says of a connection that it has waited for in vain
    assert not [process for process in processes if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    """A dead process that nobody has waited for yet does not."""
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


def _eventually(holds: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
