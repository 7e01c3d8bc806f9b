"""Which errors of real connections mean that the database is unavailable."""

from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError, connection

from core.db.errors import is_database_unavailable

pytestmark = pytest.mark.django_db(transaction=True)


def _query(sql: str = "select 1") -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _parameters(**changed: Any) -> dict[str, Any]:
    return {**connection.get_connection_params(), **changed}


def test_unreachable_server_is_unavailable() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(**_parameters(host="127.0.0.1", port=1))
    assert is_database_unavailable(caught.value)


def test_connection_terminated_by_the_server_is_unavailable() -> None:
    connection.ensure_connection()
    with psycopg.connect(**_parameters(), autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    with pytest.raises(OperationalError) as caught:
        _query("select pg_sleep(1)")
    assert is_database_unavailable(caught.value)
    connection.close()


def test_closed_connection_is_unavailable() -> None:
    connection.ensure_connection()
    connection.connection.close()
    with pytest.raises((InterfaceError, OperationalError)) as caught:
        _query()
    assert is_database_unavailable(caught.value)
    connection.close()


def test_other_errors_do_not_mean_unavailable() -> None:
    with pytest.raises(ProgrammingError) as caught:
        _query("select no_such_column")
    assert not is_database_unavailable(caught.value)
    assert not is_database_unavailable(None)
    assert not is_database_unavailable(ConnectionError())
