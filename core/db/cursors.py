"""Cursors that send with a statement who acts (core/db/principal.py), for one transaction and without a round trip."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.pq import TransactionStatus

from core.db.distribution import is_distributed
from core.db.principal import NOBODY, Principal, get_principal
from core.db.roles import Role
from core.db.session_settings import get_transaction_settings

# Statements that cannot be part of a transaction, which a second statement would begin.
NO_TRANSACTION = re.compile(
    r"\s*(?:vacuum\b|(?:create|drop)\s+database\b|[^;]*\bconcurrently\b)", re.IGNORECASE
)
PRINCIPAL_NAMES = tuple(NOBODY.settings)
SET_LOCALLY = "set_config('{}', '{}', true)"

# Who acts in the connection's present transaction, as PostgreSQL knows it.
_sent: "WeakKeyDictionary[psycopg.Connection[Any], Principal | None]" = WeakKeyDictionary()


class Unsent(NamedTuple):
    """What PostgreSQL must know before a statement: as text, and as a statement to prepare with its values.

    has_old: whether something else may be set, by the same transaction or by another client of a pooler.
    """

    principal: Principal
    is_first: bool  # statement of a transaction
    has_old: bool
    sql: str
    names: tuple[str, ...]
    values: list[str]

    @property
    def query(self) -> str:
        """The text as a query, which Citus does not send on to its nodes. The values are ids and constants."""
        pairs = zip(self.names, self.values, strict=True)
        return f"select {', '.join(SET_LOCALLY.format(*pair) for pair in pairs)};"


def find_unsent(raw: "psycopg.Connection[Any]") -> Unsent | None:
    """Return what PostgreSQL does not know yet of who acts, and of settings behind a pooler; None if it knows all."""
    principal, status = get_principal(), raw.pgconn.transaction_status
    if status == TransactionStatus.INERROR:
        return None  # only a rollback is possible, which must be sent alone
    if status != TransactionStatus.IDLE and _sent.get(raw, NOBODY) == principal:
        return None
    values = list(principal.settings.values())
    if status != TransactionStatus.IDLE:
        return Unsent(principal, False, True, principal.sql, PRINCIPAL_NAMES, values)
    _sent.pop(raw, None)
    if (pooled := get_transaction_settings(raw)) is None:
        if principal is NOBODY:
            return None
        return Unsent(principal, True, False, principal.first_sql, PRINCIPAL_NAMES, values)
    # All of it, even that nobody acts: another client may have left something in the session that the pooler chooses.
    names, text = (*PRINCIPAL_NAMES, *pooled.names), principal.sql + pooled.sql
    return Unsent(principal, True, True, text, names, [*values, *pooled.values])


@lru_cache(maxsize=16)
def _build_setter(names: tuple[str, ...]) -> str:
    """Return the statement that sets these for the present transaction; the values are its parameters."""
    calls = (f"set_config('{name}', ${number}, true)" for number, name in enumerate(names, start=1))
    return f"select {', '.join(calls)}"


def mark_sent(raw: "psycopg.Connection[Any]", principal: Principal) -> None:
    """Remember it for the rest of the transaction, if it goes on."""
    if raw.pgconn.transaction_status == TransactionStatus.INTRANS:
        _sent[raw] = principal


def forget_principal(raw: "psycopg.Connection[Any]") -> None:
    """Send it again with the next statement: a savepoint was rolled back."""
    _sent[raw] = None


def _send_alone(raw: "psycopg.Connection[Any]", unsent: Unsent) -> None:
    """Send it alone: Citus sends all of the text that contains a SET LOCAL on to its nodes."""
    psycopg.ClientCursor(raw).execute(cast(Any, unsent.sql))
    mark_sent(raw, unsent.principal)


class PrincipalStatements:
    """A cursor with client-side parameters, whose statements PostgreSQL receives as text."""

    connection: "psycopg.Connection[Any]"

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        unsent = find_unsent(self.connection)
        if unsent is None or _forbids_transaction(query, unsent.principal):
            return super().execute(query, params, **options)  # type: ignore[misc]
        prefix = unsent.sql
        if is_distributed(self.connection):
            if not unsent.is_first:
                _send_alone(self.connection, unsent)
                return super().execute(query, params, **options)  # type: ignore[misc]
            if not _stays_on_coordinator(self.connection, query):
                with self.connection.pipeline():
                    _send_ahead(self.connection, unsent)
                    super().execute(query, params, **options)  # type: ignore[misc]
                mark_sent(self.connection, unsent.principal)
                return self
            prefix = unsent.query
        combined = prefix + query if isinstance(query, str) else sql.SQL(prefix) + query
        super().execute(combined, params, **options)  # type: ignore[misc]
        for _ in range(prefix.count(";")):
            self.nextset()  # type: ignore[attr-defined]
        mark_sent(self.connection, unsent.principal)
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        for params in params_seq:
            self.execute(query, params, **options)


class PrincipalServerCursor:
    """A named cursor, which reads its rows in portions."""

    def execute(self, *args: Any, **options: Any) -> Any:
        raw: psycopg.Connection[Any] = self._conn  # type: ignore[attr-defined]
        unsent = find_unsent(raw)
        if unsent is not None and is_distributed(raw):
            _send_alone(raw, unsent)  # in a transaction, or it would know it for nothing
        return super().execute(*args, **options)  # type: ignore[misc]

    def _execute_send(self, query: Any, *, force_extended: bool = False, binary: bool | None = None) -> None:
        raw: psycopg.Connection[Any] = self._conn  # type: ignore[attr-defined]
        unsent = find_unsent(raw)
        if unsent is None:
            super()._execute_send(query, force_extended=force_extended, binary=binary)  # type: ignore[misc]
            return
        # psycopg checks the last result, that of the declaration. Two statements need the simple protocol.
        query.query = unsent.sql.encode() + query.query
        super()._execute_send(query, binary=binary)  # type: ignore[misc]
        if not raw.autocommit:
            _sent[raw] = unsent.principal


class PreparedCursor(psycopg.Cursor[Any]):
    """Prepares statements on the server. Who acts travels in the same pipeline, which is one transaction."""

    connection: "psycopg.Connection[Any]"

    def execute(self, query: Any, params: Any = None, **_: Any) -> Any:
        if (pooled := get_transaction_settings(self.connection)) is not None:
            query += pooled.comment
        unsent = find_unsent(self.connection)
        if unsent is None:
            return super().execute(query, params, prepare=True)
        with self.connection.pipeline():
            _send_ahead(self.connection, unsent)
            super().execute(query, params, prepare=True)
        mark_sent(self.connection, unsent.principal)
        return self


class NumberedCursor(PreparedCursor, psycopg.RawCursor[Any]):
    """The same for parameters by number ($1), which psycopg need not look for in the statement."""


def _stays_on_coordinator(raw: "psycopg.Connection[Any]", query: Any) -> bool:
    """Return whether nodes need not know who acts: the owner of the tables, and texts of several statements.

    Row security does not hold for the owner on a distributed database. Several statements are settings.
    """
    text = query if isinstance(query, str) else ""
    return raw.info.user == settings.DATABASE_LOGINS[Role.OWNER]["USER"] or ";" in text.rstrip("; \n")


def _send_ahead(raw: "psycopg.Connection[Any]", unsent: Unsent) -> None:
    """Send it before a statement in the same pipeline: both are one transaction, and one round trip.

    Citus sends nothing but SET LOCAL on to its nodes: within a transaction, which a pipeline is from its second
    statement on, and with all of the text that the client sent. So they are statements of their own.
    """
    setter: psycopg.RawCursor[Any] = psycopg.RawCursor(raw)
    setter.execute(_build_setter(unsent.names), unsent.values, prepare=True)
    if is_distributed(raw):
        for statement in unsent.principal.list_statements(all_settings=unsent.has_old):
            setter.execute(statement)


def _forbids_transaction(query: Any, principal: Principal) -> bool:
    """Return whether it is a statement of an operator that must be sent alone."""
    if not principal.is_system:
        return False
    text = query.as_string() if isinstance(query, sql.Composable) else query
    return isinstance(text, str) and NO_TRANSACTION.match(text) is not None
