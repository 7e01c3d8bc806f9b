"""Django's PostgreSQL backend with the embedded server, which a connection starts or restarts when it is down."""

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
    """Reads ENGINE, NAME and EMBEDDED_HOME from the settings and sets the other connection parameters itself."""

    client_class = DatabaseClient

    def __init__(self, settings_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        self.server = EmbeddedPostgres(settings_dict["EMBEDDED_HOME"])
        embedded_settings = {
            "USER": APP_ROLE,
            "PASSWORD": self.server.password(),
            "HOST": str(self.server.socket_folder),
            "PORT": str(PORT),
        }
        super().__init__({**settings_dict, **embedded_settings}, *args, **kwargs)

    def get_connection_params(self) -> dict[str, object]:
        # SCRAM makes the server prove that it knows the password, so an impostor is rejected.
        return {"require_auth": "scram-sha-256", **super().get_connection_params()}

    def get_new_connection(self, conn_params: dict[str, object]) -> object:
        if not self.server.looks_alive():
            self._ensure_running()
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            self._ensure_running()  # it crashed or is still recovering
            return super().get_new_connection(conn_params)

    def _ensure_running(self) -> None:
        """Start the server. A failure, such as a full disk, is temporary and raises OperationalError."""
        try:
            if self.server.ensure_running():
                # A short-lived command leaves no server running; `up` stops its own server itself.
                atexit.register(_stop_if_unused, self.server, os.getpid())
        except (EmbeddedPostgresError, OSError) as error:  # OSError: no disk space for its configuration
            raise psycopg.OperationalError(str(error)) from error


def _stop_if_unused(server: EmbeddedPostgres, started_by: int) -> None:
    """Stop the server at exit of the process that started it, but not of its forks."""
    if os.getpid() == started_by:
        connections.close_all()
        with contextlib.suppress(EmbeddedPostgresError, psycopg.Error, OSError):
            server.stop_if_unused()
