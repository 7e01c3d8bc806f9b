"""Log of the embedded PostgreSQL: its size is bounded, and only its end is quoted."""

import os
import stat
from pathlib import Path

import pytest

from picard.postgres.installation import Account
from picard.postgres.server import MAX_LOG_BYTES, MAX_QUOTE_BYTES, PostgresServer


@pytest.fixture
def server(tmp_path: Path) -> PostgresServer:
    return PostgresServer(
        tmp_path, tmp_path / "run", Account(os.geteuid(), os.getegid()), tmp_path / "pginstall"
    )


def test_long_log_is_rotated_at_start(server: PostgresServer) -> None:
    older = server.home / "postgres.log.1"
    older.write_text("of an earlier year")
    server.log.touch()
    os.truncate(server.log, MAX_LOG_BYTES + 1)
    server._rotate_log()
    assert (older.stat().st_size, server.log.stat().st_size) == (MAX_LOG_BYTES + 1, 0)
    assert stat.S_IMODE(server.log.stat().st_mode) == 0o600


def test_short_log_is_continued(server: PostgresServer) -> None:
    server.log.write_text("of yesterday\n")
    server._rotate_log()
    assert server.log.read_text() == "of yesterday\n"


def test_end_of_new_log_text_is_quoted(server: PostgresServer) -> None:
    server.log.write_text("before\n")
    with server.log.open("a") as handle:
        handle.write("the reason\n")
    assert server._read_log_since(len("before\n")) == "the reason\n"
    os.truncate(server.log, MAX_LOG_BYTES)
    assert len(server._read_log_since(0)) == MAX_QUOTE_BYTES
