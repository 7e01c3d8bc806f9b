"""Limits of statements: a time for each kind of process, a longer one for long work of a request, and one processor."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from core.db.session_settings import set_for_session

LONG_WORK_S = 120.0  # for a statement of an import, or of a change to all memories with a tag
WORKER_S = 600.0  # for a statement of the worker: it purges and re-indexes whole accounts

_limit_s = 0.0  # of this process; 0: none


def limit_statements(seconds: float) -> None:
    """Cancel each statement of this process, in connections opened from now on, that takes longer than `seconds`.

    PostgreSQL then raises QueryCanceled, which is an OperationalError (core/db/errors.py). Time spent waiting for
    locks counts. Statements get no parallel workers, so that one takes no more than one processor.
    """
    global _limit_s
    _limit_s = seconds

    def set_limit(sender: object, connection: BaseDatabaseWrapper, **_: object) -> None:  # noqa: ARG001
        # Not as a parameter of the connection, which poolers reject. Nothing may use a connection without the limit.
        try:
            set_for_session(
                connection.connection,
                {"statement_timeout": f"{seconds * 1000:.0f}", "max_parallel_workers_per_gather": "0"},
            )
        except psycopg.Error:
            connection.close()
            raise

    connection_created.disconnect(dispatch_uid=__name__)
    connection_created.connect(set_limit, weak=False, dispatch_uid=__name__)


@contextmanager
def long_transaction() -> Iterator[None]:
    """A transaction whose statements may take LONG_WORK_S each, where the process has a lower limit.

    Also a decorator.
    """
    with transaction.atomic():
        if 0 < _limit_s < LONG_WORK_S:
            with connection.cursor() as cursor:
                cursor.execute(f"set local statement_timeout = {LONG_WORK_S * 1000:.0f}")
        yield
