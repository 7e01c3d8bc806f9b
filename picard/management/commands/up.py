"""`manage.py up`: start the database, migrations, the web server and the worker with one command."""

import contextlib
import http.client
import json
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from core.process_signals import SERVER_CHECKS
from memories.index.dimensions import refuse_wrong_dimensions
from picard.postgres.manager import EmbeddedPostgres, EmbeddedPostgresError
from picard.server.supervisor import Program, Supervisor

SIGNUP_PATH = "/accounts/signup/"  # `reverse` would import every page


class Command(BaseCommand):
    help = "Start everything: database, migrations, web server and worker. Press Ctrl-C to stop."
    requires_system_checks = [SERVER_CHECKS]

    def handle(self, *args: object, **options: object) -> None:
        require_free_port(get_bind_host(), settings.PORT)
        with _interrupt_on_sigterm(), self._run_database():
            self._prepare_services()
            self._is_announced = False
            exit_code = Supervisor(list_programs(), self._print_line).run(on_tick=self._announce_when_ready)
        sys.exit(exit_code)

    @contextlib.contextmanager
    def _run_database(self) -> Iterator[None]:
        """Run the embedded server; stop it at the end unless it has other clients, such as another `up`."""
        if not settings.EMBEDDED:
            yield
            return
        server = EmbeddedPostgres(settings.PICARD_HOME / "postgres")
        self._print_line("Starting the database ...")
        try:
            server.ensure_running()
            yield
        except EmbeddedPostgresError as error:
            raise CommandError(str(error)) from None
        finally:
            connections.close_all()
            server.stop_if_unused()
            self._print_line("Stopped.")

    def _prepare_services(self) -> None:
        self._print_line("Applying migrations ...")
        call_command("migrate", interactive=False, verbosity=0)
        refuse_wrong_dimensions()
        connections.close_all()
        if has_stale_static_files():
            self._print_line("Collecting static files ...")
            call_command("collectstatic", interactive=False, verbosity=0)
        self._print_line("Starting the web server and the worker ...")

    def _announce_when_ready(self) -> None:
        if not self._is_announced and is_ready():
            self._is_announced = True
            self._print_line(format_announcement())

    def _print_line(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def get_bind_host() -> str:
    return str(settings.BIND)


def require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port} ({error.strerror}). "
                f"Stop the other server, or choose another port: PORT={port + 1}"
            ) from None


def list_programs() -> list[Program]:
    web = [sys.executable, "-m", "gunicorn", "--config", "python:picard.gunicorn", "picard.asgi:application"]
    worker = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "worker"]
    return [Program("The web server", web), Program("The worker", worker, is_required=False)]


def has_stale_static_files() -> bool:
    """Return whether the manifest of the collected files is missing or older than one of the source files."""
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if not manifest.exists():
        return True
    collected_at = manifest.stat().st_mtime
    return any(
        Path(storage.path(name)).stat().st_mtime > collected_at
        for finder in get_finders()
        for name, storage in finder.list([])
    )


def is_ready() -> bool:
    """Ask the web server's /readyz."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(get_bind_host(), get_bind_host())  # noqa: S104 # nosec B104
    connection = http.client.HTTPConnection(host, settings.PORT, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": urlsplit(settings.PUBLIC_URL).netloc})
        response = connection.getresponse()
        return response.status == http.HTTPStatus.OK and json.load(response)["status"] == "ok"
    except (OSError, http.client.HTTPException, ValueError):
        return False  # not yet
    finally:
        connection.close()


def format_announcement() -> str:
    lines = ["", "Picard is ready.", "", f"  Open      {settings.PUBLIC_URL}/"]
    if settings.SIGNUP == "open":
        lines.append(f"  Sign up   {settings.PUBLIC_URL}{SIGNUP_PATH}")
    lines.append(f"  Data      {settings.PICARD_HOME}")
    if settings.KEYS_HOME.exists():
        lines.append(f"  Keys      {settings.KEYS_HOME}  (back them up: without them no memory can be read)")
    return "\n".join([*lines, "", "Press Ctrl-C to stop.", ""])


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C until the supervisor installs its own handlers."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        signal.signal(signal.SIGTERM, previous)
