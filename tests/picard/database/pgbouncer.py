"""A real PgBouncer on 127.0.0.1, if PICARD_PGBOUNCER names its program."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from picard.postgres.installation import choose_account
from picard.postgres.manager import PORT, EmbeddedPostgres
from tests.processes import free_port, wait_until

PROGRAM = os.environ.get("PICARD_PGBOUNCER", "")
KEEPS_STATEMENTS = (1, 21)


def get_version() -> tuple[int, int]:
    text = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", text)
    assert found, text
    return int(found[1]), int(found[2])


@contextmanager
def running_pgbouncer(server: EmbeddedPostgres, passwords: dict[str, str], *, size: int = 4) -> Iterator[int]:
    """Yield the port of a pooler of transactions in front of the server. passwords: by user."""
    account, port = choose_account(server.home / "data"), free_port()
    with tempfile.TemporaryDirectory(prefix="picard-pgbouncer-") as name:
        folder = Path(name)
        lines = [
            "[databases]",
            f"* = host={server.socket_folder} port={PORT}",
            "[pgbouncer]",
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
            "pool_mode = transaction",
            f"default_pool_size = {size}\nmax_client_conn = 500",
            f"auth_type = trust\nauth_file = {folder}/users",
            f"logfile = {folder}/log\npidfile = {folder}/pid",
        ]
        if get_version() >= KEEPS_STATEMENTS:
            lines.append("max_prepared_statements = 200")
        (folder / "ini").write_text("\n".join(lines))
        users = (f'"{user}" "{password}"' for user, password in passwords.items())
        (folder / "users").write_text("\n".join(users))
        for path in (folder, folder / "ini", folder / "users"):
            account.chown_path(path)
        answer = account.run(PROGRAM, "-d", folder / "ini")
        assert answer.exit_code == 0, answer.text
        wait_until((folder / "pid").exists, seconds=10)
        pid = int((folder / "pid").read_text())
        try:
            yield port
        finally:
            os.kill(pid, signal.SIGINT)
            wait_until(lambda: not (folder / "pid").exists(), seconds=10)
