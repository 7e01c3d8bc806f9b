"""Cursors that send with a statement who acts (core/db/principal.py), for one transaction and without a round trip."""

import re
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from core.db.principal import NOBODY, Principal, get_principal

# Statements that cannot be part of a transaction, which a second statement would begin.
NO_TRANSACTION = re.compile(
    r"\s*(?:vacuum\b|(?:create|drop)\s+database\b|[^;]*\bconcurrently\b)", re.IGNORECASE
)
SET_PRINCIPAL = """
select set_config('picard.owner', $1, true), set_config('picard.public_of', $2, true),
set_config('picard.system', $3, true)
"""

# Who acts in the connection's present transaction, as PostgreSQL knows it.
_sent: "WeakKeyDictionary[psycopg.Connection[Any], Principal | None]" = WeakKeyDictionary()


def find_unsent(raw: "psycopg.Connection[Any]") -> tuple[Principal, bool] | None:
    """Return who acts, and whether their statement begins a transaction; None if PostgreSQL knows it."""
    principal, status = get_principal(), raw.pgconn.transaction_status
    if status == TransactionStatus.INERROR:
        return None  # only a rollback is possible, which must be sent alone
    if status == TransactionStatus.IDLE:
        _sent.pop(raw, None)
        return None if principal is NOBODY else (principal, True)
    return None if _sent.get(raw, NOBODY) == principal else (principal, False)


def mark_sent(raw: "psycopg.Connection[Any]", principal: Principal) -> None:
    """Remember it for the rest of the transaction, if it goes on."""
    if raw.pgconn.transaction_status == TransactionStatus.INTRANS:
        _sent[raw] = principal


def forget_principal(raw: "psycopg.Connection[Any]") -> None:
    """Send it again with the next statement: a savepoint was rolled back."""
    _sent[raw] = None


class PrincipalStatements:
    """A cursor with client-side parameters, whose statements PostgreSQL receives as text."""

    connection: "psycopg.Connection[Any]"

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        unsent = find_unsent(self.connection)
        if unsent is None or _forbids_transaction(query, unsent[0]):
            return super().execute(query, params, **options)  # type: ignore[misc]
        principal, is_first = unsent
        prefix = principal.first_sql if is_first else principal.sql
        combined = prefix + query if isinstance(query, str) else sql.SQL(prefix) + query
        super().execute(combined, params, **options)  # type: ignore[misc]
        for _ in range(prefix.count(";")):
            self.nextset()  # type: ignore[attr-defined]
        mark_sent(self.connection, principal)
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        for params in params_seq:
            self.execute(query, params, **options)


class PrincipalServerCursor:
    """A named cursor, which reads its rows in portions."""

    def _execute_send(self, query: Any, *, force_extended: bool = False, binary: bool | None = None) -> None:
        raw: psycopg.Connection[Any] = self._conn  # type: ignore[attr-defined]
        unsent = find_unsent(raw)
        if unsent is None:
            super()._execute_send(query, force_extended=force_extended, binary=binary)  # type: ignore[misc]
            return
        principal, is_first = unsent
        # psycopg checks the last result, that of the declaration. Two statements need the simple protocol.
        query.query = (principal.first_sql if is_first else principal.sql).encode() + query.query
        super()._execute_send(query, binary=binary)  # type: ignore[misc]
        if not raw.autocommit:
            _sent[raw] = principal


class PreparedCursor(psycopg.Cursor[Any]):
    """Prepares statements on the server. Who acts travels in the same pipeline, which is one transaction."""

    connection: "psycopg.Connection[Any]"

    def execute(self, query: Any, params: Any = None, **_: Any) -> Any:
        unsent = find_unsent(self.connection)
        if unsent is None:
            return super().execute(query, params, prepare=True)
        principal, _is_first = unsent
        with self.connection.pipeline():
            setter: psycopg.RawCursor[Any] = psycopg.RawCursor(self.connection)
            setter.execute(SET_PRINCIPAL, list(principal.settings.values()), prepare=True)
            super().execute(query, params, prepare=True)
        mark_sent(self.connection, principal)
        return self


class NumberedCursor(PreparedCursor, psycopg.RawCursor[Any]):
    """The same for parameters by number ($1), which psycopg need not look for in the statement."""


def _forbids_transaction(query: Any, principal: Principal) -> bool:
    """Return whether it is a statement of an operator that must be sent alone."""
    if not principal.is_system:
        return False
    text = query.as_string() if isinstance(query, sql.Composable) else query
    return isinstance(text, str) and NO_TRANSACTION.match(text) is not None
