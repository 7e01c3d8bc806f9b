"""A connection that the server closed is replaced before the next request, without a statement for each request."""

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError, close_old_connections, connection, transaction
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db(transaction=True)


def end_session_of_server() -> None:
    connection.ensure_connection()
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])


def select_one() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return int(cursor.fetchone()[0])


def test_closed_connection_is_replaced_before_the_next_request() -> None:
    end_session_of_server()
    close_old_connections()  # as at the start of a request
    assert select_one() == 1


def test_open_connection_stays() -> None:
    connection.ensure_connection()
    raw = connection.connection
    with CaptureQueriesContext(connection):
        close_old_connections()
        assert select_one() == 1
    assert connection.connection is raw


def test_no_connection_is_not_usable() -> None:
    connection.close()
    assert not connection.is_usable()


def test_connection_with_an_unread_message_is_asked() -> None:
    """A message of the server makes the socket readable, too."""
    connection.ensure_connection()
    connection.connection.execute("listen usable")
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("notify usable")
    assert connection.is_usable()
    connection.close()


def test_connection_that_failed_before_is_not_usable() -> None:
    """The statement that finds the server gone closes the connection, whose socket can no longer be asked."""
    end_session_of_server()
    with pytest.raises(OperationalError):
        select_one()
    assert not connection.is_usable()
    close_old_connections()
    assert select_one() == 1


def test_connection_in_a_failed_transaction_is_not_usable() -> None:
    """Django then checks no constraints in it."""
    with transaction.atomic(), connection.cursor() as cursor:
        with pytest.raises(ProgrammingError):
            cursor.execute("select nothing")
        assert not connection.is_usable()
        transaction.set_rollback(True)
    assert connection.is_usable()
