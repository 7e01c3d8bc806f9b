"""Servers that tests start end with the test run, also if it is killed."""

import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from tests.processes import PROJECT, wait_until

RUN = """
import subprocess, sys, time
from tests.processes import end_with_parent
command = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(command, preexec_fn=end_with_parent).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_server_ends_with_the_test_run_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", RUN], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        server = psutil.Process(int(run.stdout.readline()))
        assert server.is_running()
        run.kill()

    def has_ended() -> bool:
        with suppress(psutil.NoSuchProcess):
            return server.status() == psutil.STATUS_ZOMBIE
        return True

    wait_until(has_ended)
