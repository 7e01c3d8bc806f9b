"""Supervisor that runs programs, restarts those that exit, and stops all of them at the end."""

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType

STOP_GRACE_S = 8.0  # between SIGTERM and SIGKILL
MAX_DEATHS = 5  # exits of one program within DEATHS_WINDOW_S; then everything stops, if it is required
DEATHS_WINDOW_S = 60.0
FIRST_BACK_OFF_S = 0.5  # doubles with every exit in the window
MAX_BACK_OFF_S = 60.0
TICK_S = 0.25
PR_SET_PDEATHSIG = 1  # linux/prctl.h

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """is_required: whether everything stops if it exits too often; else it is started again after MAX_BACK_OFF_S."""

    name: str
    command: Sequence[str]
    is_required: bool = True


@dataclass
class _Child:
    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    start_at: float = 0.0
    deaths: "deque[float]" = field(default_factory=lambda: deque(maxlen=MAX_DEATHS))


class Supervisor:
    """Runs in the main thread: it handles SIGINT and SIGTERM, and its programs stop when that thread ends.

    `print_line` is called with each message for the operator.
    """

    def __init__(self, programs: Sequence[Program], print_line: Callable[[str], None]) -> None:
        self._children = [_Child(program) for program in programs]
        self._print_line = print_line

    def run(self, on_tick: Callable[[], None] = lambda: None) -> int:
        """Run until SIGINT or SIGTERM (returns 0) or until a required program exits too often (returns 1).

        `on_tick` is called a few times per second.
        """
        with _Signals.catch_signals() as signals:
            try:
                while not signals.stops:
                    if not all(self._keep_running(child) for child in self._children):
                        return 1
                    on_tick()
                    signals.wait(TICK_S)
                return 0
            finally:
                self._stop(signals)

    def _keep_running(self, child: _Child) -> bool:
        """Start or restart the program if needed; return False if it has exited too often."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                child.process = _spawn_program(child.program)
        elif child.process.poll() is not None:
            return self._handle_exit(child, now)
        return True

    def _handle_exit(self, child: _Child, now: float) -> bool:
        assert child.process  # noqa: S101
        _kill_group(child.process)  # its own children may still hold the port
        code = child.process.returncode
        child.process = None
        child.deaths.append(now)
        recent = sum(now - death < DEATHS_WINDOW_S for death in child.deaths)
        if recent >= MAX_DEATHS:
            said = f"{child.program.name} exited {recent} times within a minute (exit code {code})."
            if child.program.is_required:
                self._print_line(f"{said} Stopping.")
                return False
            child.deaths.clear()
            child.start_at = now + MAX_BACK_OFF_S
            self._print_line(f"{said} The rest goes on without it. Restarting in {MAX_BACK_OFF_S:g} s.")
            return True
        back_off_s = FIRST_BACK_OFF_S * 2 ** (recent - 1)
        child.start_at = now + back_off_s
        self._print_line(f"{child.program.name} exited (exit code {code}). Restarting in {back_off_s:g} s.")
        return True

    def _stop(self, signals: "_Signals") -> None:
        """Terminate all programs; kill them after STOP_GRACE_S or on a second request to stop."""
        running = [child.process for child in self._children if child.process]
        for process in running:
            process.terminate()
        stops = signals.stops
        deadline = time.monotonic() + STOP_GRACE_S
        while _is_any_running(running) and time.monotonic() < deadline and signals.stops == stops:
            signals.wait(TICK_S)
        for process in running:
            _kill_group(process)
            process.wait()


@dataclass
class _Signals:
    """Counts requests to stop. wait() returns early on any signal, including SIGCHLD."""

    wake: socket.socket
    stops: int = 0

    @classmethod
    @contextlib.contextmanager
    def catch_signals(cls) -> "Iterator[_Signals]":
        reader, writer = socket.socketpair()
        with reader, writer:
            reader.setblocking(False)
            writer.setblocking(False)
            signals = cls(reader)
            handlers = {
                signal.SIGINT: signals._stop,
                signal.SIGTERM: signals._stop,
                signal.SIGCHLD: _ignore_signal,
            }
            previous_handlers = {
                number: signal.signal(number, handler) for number, handler in handlers.items()
            }
            previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
            try:
                yield signals
            finally:
                signal.set_wakeup_fd(previous_fd)
                for number, handler in previous_handlers.items():
                    signal.signal(number, handler)

    def wait(self, timeout_s: float) -> None:
        if select.select([self.wake], [], [], timeout_s)[0]:
            self.wake.recv(4096)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1


def _ignore_signal(_number: int, _frame: FrameType | None) -> None:
    """Do nothing. SIG_IGN would also reap the children."""


def _spawn_program(program: Program) -> "subprocess.Popen[bytes]":
    # A new session, so that Ctrl-C reaches only the supervisor, which then stops the programs.
    return subprocess.Popen(
        program.command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # safe, because this process has one thread
    )


def _die_with_parent() -> None:
    """On Linux, stop the program if the supervisor is killed. Elsewhere it keeps running."""
    if _libc:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)


def _is_any_running(processes: "Sequence[subprocess.Popen[bytes]]") -> bool:
    return any(process.poll() is None for process in processes)
