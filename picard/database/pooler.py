"""Whether the pooler in front of the database keeps what Picard needs: prepared statements across transactions.

PgBouncer does since 1.21, with max_prepared_statements. An older one fails at once, or only when several people ask at
the same time. Its version is shown to its administrators alone, so this looks at what it does.
"""

import secrets
import time
from threading import Lock
from typing import Any

import psycopg
from django.conf import settings
from psycopg import pq
from psycopg.pq import ExecStatus

ROUNDS = 4
CONNECT_TIMEOUT_S = 10
CHECKED_FOR_S = 60.0  # for which a good answer holds
FAULT = (
    "The pooler of DATABASE_URL loses prepared statements between transactions. Use PgBouncer 1.21 or newer with "
    "max_prepared_statements = 200, or pool_mode = session, or connect directly without DATABASE_POOLED."
)

_lock = Lock()
_checked_at = -CHECKED_FOR_S


class UnfitPooler(Exception):
    """The message says what the pooler does not do, and what to use instead."""


def refuse_unfit_pooler() -> None:
    """Exit the process (SystemExit) if the pooler cannot be used. Ignore one that does not answer: /readyz says so."""
    try:
        check_pooler()
    except UnfitPooler as error:
        raise SystemExit(f"picard.E034: {error}") from None
    except psycopg.OperationalError:
        return


def check_pooler() -> None:
    """Do nothing if there is no pooler, or it was in order within CHECKED_FOR_S.

    Raises UnfitPooler, and psycopg.OperationalError if it does not answer.
    """
    global _checked_at
    if not settings.DATABASE_POOLER:
        return
    with _lock:
        if time.monotonic() - _checked_at >= CHECKED_FOR_S:
            _try_pooler()
            _checked_at = time.monotonic()


def _try_pooler() -> None:
    """Let two clients prepare other statements of one name, and execute them in turns, each in its own transaction.

    If the pooler passes the names on, both get the same session now or later, where the name is taken or unknown.
    """
    login: dict[str, Any] = settings.DATABASE_POOLER
    parts = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given = {name: login[key] for name, key in parts.items() if login[key]}
    params = {"connect_timeout": CONNECT_TIMEOUT_S, **login["OPTIONS"], **given}
    name = (
        f"picard_{secrets.token_hex(8)}".encode()
    )  # what an unfit pooler keeps of it must not meet the next try
    with psycopg.connect(**params) as first, psycopg.connect(**params) as second:
        clients = {b"1": first.pgconn, b"2": second.pgconn}
        for value, client in clients.items():
            _require(client.prepare(name, b"select " + value), ExecStatus.COMMAND_OK)
        for _ in range(ROUNDS):
            for value, client in clients.items():
                result = client.exec_prepared(name, [])
                _require(result, ExecStatus.TUPLES_OK)
                if result.get_value(0, 0) != value:
                    raise UnfitPooler(FAULT)


def _require(result: pq.abc.PGresult, status: ExecStatus) -> None:
    if result.status == status:
        return
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    if state in ("26000", "42P05"):  # no such prepared statement; it exists already
        raise UnfitPooler(FAULT)
    raise psycopg.OperationalError(result.error_message.decode(errors="replace").strip())
