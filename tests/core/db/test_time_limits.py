"""Statements that take too long are cancelled, and long work may take longer."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from core.db import time_limits
from core.db.errors import is_database_unavailable
from core.db.time_limits import limit_statements, long_transaction

pytestmark = pytest.mark.usefixtures("shared_db")


@pytest.fixture
def process_limit(shared_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process with a limit of 0.2 s, where long work may take 5 s."""
    monkeypatch.setattr(time_limits, "_limit_s", 0.0)  # restores it
    limit_statements(0.2)
    connection.close()
    yield
    connection_created.disconnect(dispatch_uid=time_limits.__name__)
    connection.close()


def run(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.usefixtures("process_limit")
def test_statement_that_takes_too_long_is_cancelled_and_means_unavailable() -> None:
    with pytest.raises(OperationalError) as caught:
        run("select pg_sleep(10)")
    assert isinstance(caught.value.__cause__, psycopg.errors.QueryCanceled)
    assert is_database_unavailable(caught.value)
    assert run("select 1") == 1


@pytest.mark.usefixtures("process_limit")
def test_long_work_has_more_time_until_its_transaction_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limits, "LONG_WORK_S", 30.0)
    with long_transaction():
        run("select pg_sleep(0.3)")
    assert run("show statement_timeout") == "200ms"


@pytest.mark.parametrize("limit", [0.0, 600.0])
def test_long_work_never_has_less_time_than_its_process(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limits, "_limit_s", limit)
    before = run("show statement_timeout")
    with long_transaction():
        assert run("show statement_timeout") == before
