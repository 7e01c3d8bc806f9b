"""PostgreSQL as Django knows it, started (or started again) by the connection that finds nobody there."""

import atexit
import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from django.db import connections
from django.db.backends.postgresql import base, client

from picard.postgres.manager import APP_ROLE, PORT, EmbeddedPostgres, EmbeddedPostgresError


class DatabaseClient(client.DatabaseClient):
    def runshell(self, parameters: Iterable[str]) -> None:
        EmbeddedPostgres(self.connection.settings_dict["EMBEDDED_HOME"]).ensure_running()
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """Needs ENGINE, NAME and EMBEDDED_HOME of the settings; knows the rest itself."""

    client_class = DatabaseClient

    def __init__(self, settings_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        self.server = EmbeddedPostgres(settings_dict["EMBEDDED_HOME"])
        own = {
            "USER": APP_ROLE,
            "PASSWORD": self.server.password(),
            "HOST": str(self.server.socket_folder),
            "PORT": str(PORT),
        }
        super().__init__({**settings_dict, **own}, *args, **kwargs)

    def get_connection_params(self) -> dict[str, object]:
        # A server that cannot prove that it knows the password is not ours.
        return {"require_auth": "scram-sha-256", **super().get_connection_params()}

    def get_new_connection(self, conn_params: dict[str, object]) -> object:
        if not self.server.looks_alive():
            self._ensure_running()
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            self._ensure_running()  # crashed, or still recovering from a crash
            return super().get_new_connection(conn_params)

    def _ensure_running(self) -> None:
        """One that does not start now may start later, when its disk has room: the error of any absent database."""
        try:
            if self.server.ensure_running():
                # A command of a moment leaves no server behind; `up` stops the one that it shares in the end.
                atexit.register(_stop_if_unused, self.server, os.getpid())
        except (EmbeddedPostgresError, OSError) as error:  # OSError: no room for its configuration
            raise psycopg.OperationalError(str(error)) from error


def _stop_if_unused(server: EmbeddedPostgres, started_by: int) -> None:
    """At the end of the process that started it, not of its forks; its own connections are closed by then."""
    if os.getpid() == started_by:
        connections.close_all()
        with contextlib.suppress(EmbeddedPostgresError, psycopg.Error, OSError):
            server.stop_if_unused()
