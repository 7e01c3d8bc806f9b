"""Django's PostgreSQL backend: it tells PostgreSQL with each statement who acts, and logs in by role.

Without DATABASE_URL it uses the embedded server, which a connection starts or restarts when it is down.
"""

import atexit
import contextlib
import os
import select
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import OperationalError, connections
from django.db.backends.postgresql import base, client
from django.db.backends.postgresql.psycopg_any import register_tzloader
from django.db.transaction import TransactionManagementError
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg.pq import TransactionStatus

from core.db.cursors import PrincipalServerCursor, PrincipalStatements, forget_principal
from core.db.distribution import is_distributed
from core.db.errors import has_lost_node
from core.db.roles import Role
from core.db.session_settings import mark_pooled
from picard.postgres.manager import PORT, EmbeddedPostgres, EmbeddedPostgresError


class ErrorWrapper(DatabaseErrorWrapper):
    """Raises OperationalError when a node of a distributed database is lost: the same request may succeed later."""

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if not has_lost_node(error):
            super().__exit__(kind, error, traceback)
            return
        cast(Any, self).wrapper.errors_occurred = True
        raise OperationalError(*error.args) from error


class Cursor(PrincipalStatements, base.Cursor):
    """Prepends who acts to each statement: both are one transaction, and one round trip."""


class ServerSideCursor(PrincipalServerCursor, base.ServerSideCursor):
    pass


class DatabaseClient(client.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        arguments, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        return arguments, {**(environment or {}), "PGOPTIONS": "-c picard.system=on"}

    def runshell(self, parameters: Iterable[str]) -> None:
        """Run psql as the owner of the tables, who sees all rows."""
        wrapper = cast("DatabaseWrapper", self.connection)
        wrapper.ensure_server()
        with wrapper.log_in_as(Role.OWNER):
            super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """Reads ENGINE, NAME, ROLE, LOGINS and EMBEDDED_HOME from the settings.

    LOGINS are connection parameters by role. Of the embedded server they are only the user's name. POOLED: whether a
    pooler of transactions is in between (core/db/session_settings.py).
    """

    client_class = DatabaseClient

    def __init__(self, settings_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        home = settings_dict["EMBEDDED_HOME"]
        self.server = EmbeddedPostgres(home) if home else None
        super().__init__({**settings_dict}, *args, **kwargs)
        self.switch_role(settings_dict["ROLE"])

    @contextlib.contextmanager
    def log_in_as(self, role: Role) -> Iterator[None]:
        """Use a connection of this role in the block; the present one if it has the same login."""
        previous, login = Role(self.settings_dict["ROLE"]), self._get_login(role)
        if all(self.settings_dict[name] == value for name, value in login.items()):
            yield
            return
        if self.in_atomic_block:
            raise TransactionManagementError("The role cannot change within a transaction.")
        self.close()
        self.switch_role(role)
        try:
            yield
        finally:
            self.switch_role(previous)  # first: closing may fail, and the thread serves other requests
            self.close()

    @cached_property
    def wrap_database_errors(self) -> ErrorWrapper:
        return ErrorWrapper(self)

    def switch_role(self, role: Role) -> None:
        """Log in as this role at the next connection."""
        self.settings_dict.update(self._get_login(role), ROLE=role)

    def get_connection_params(self) -> dict[str, object]:
        # Never prepare statements automatically; frequent ones are prepared explicitly (core/db/prepared.py).
        own = {"cursor_factory": Cursor, "prepare_threshold": 1_000_000}
        params = {**super().get_connection_params(), **own}
        # SCRAM makes the server prove that it knows the password, so an impostor is rejected.
        return {"require_auth": "scram-sha-256", **params} if self.server else params

    def get_new_connection(self, conn_params: dict[str, object]) -> Any:
        raw = self._connect(conn_params)
        if self.is_pooled:
            mark_pooled(raw, settings.DATABASE_SCHEMA)
        return raw

    @property
    def is_pooled(self) -> bool:
        return bool(self.settings_dict.get("POOLED"))

    def _connect(self, conn_params: dict[str, object]) -> Any:
        if self.server and not self.server.looks_alive():
            self.ensure_server()
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            if not self.server:
                raise
            self.ensure_server()  # it crashed or is still recovering
            return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        """Return whether PostgreSQL keeps the connection open: asked before each request, so without a statement.

        A server that closes it, or ends, makes the socket readable. Only then, Django's statement finds out.
        """
        raw = self.connection
        if raw is None or raw.closed or raw.info.transaction_status == TransactionStatus.INERROR:
            return False
        arrived = select.poll()
        arrived.register(raw.fileno(), select.POLLIN)
        return not arrived.poll(0) or super().is_usable()

    def chunked_cursor(self) -> Any:
        """Return a cursor that reads its rows in portions; outside of a transaction not all databases can.

        A pooler would give the next portion another session, and the nodes of Citus would not know who acts.
        """
        if self.in_atomic_block or not (self.is_pooled or is_distributed(self._get_raw())):
            return super().chunked_cursor()
        return self.cursor()

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None:
            return super().create_cursor()
        # As Django's, with our class.
        raw = self.connection
        cursor = cast(Any, ServerSideCursor)(raw, name=name, scrollable=False, withhold=raw.autocommit)
        register_tzloader(self.timezone, cursor)
        return cursor

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        forget_principal(self.connection)  # PostgreSQL may have restored who acted before

    def _get_raw(self) -> Any:
        self.ensure_connection()
        return self.connection

    def ensure_server(self) -> None:
        """Start the embedded server. A failure, such as a full disk, is temporary and raises OperationalError."""
        if self.server is None:
            return
        try:
            if self.server.ensure_running():
                # A short-lived command leaves no server running; `up` stops its own server itself.
                atexit.register(_stop_if_unused, self.server, os.getpid())
        except (EmbeddedPostgresError, OSError) as error:  # OSError: no disk space for its configuration
            raise psycopg.OperationalError(str(error)) from error

    def _get_login(self, role: Role) -> dict[str, Any]:
        login = self.settings_dict["LOGINS"][role]
        if self.server is None:
            return {name: value for name, value in login.items() if name != "NAME"}
        folder = str(self.server.socket_folder)
        password = self.server.password(login["USER"])
        return {"USER": login["USER"], "PASSWORD": password, "HOST": folder, "PORT": str(PORT)}


def _stop_if_unused(server: EmbeddedPostgres, started_by: int) -> None:
    """Stop the server at exit of the process that started it, but not of its forks."""
    if os.getpid() == started_by:
        connections.close_all()
        with contextlib.suppress(EmbeddedPostgresError, psycopg.Error, OSError):
            server.stop_if_unused()
