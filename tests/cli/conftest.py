"""The command line, with log-ins in a temporary folder, and the running product."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.core.management import call_command
from picard_memory.commands.main import picard
from pytest_django import DjangoDbBlocker

from accounts.models import User
from core.db.roles import Role, connected_as
from tests.factories import make_person
from tests.oauth.flows import access_token, make_app
from tests.processes import free_port, serving


@dataclass(frozen=True)
class Run:
    """What a command did."""

    code: int
    output: str
    errors: str


RunCommand = Callable[..., Run]


@pytest.fixture(scope="package")
def _running(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with serving() as url:
        yield url
    with django_db_blocker.unblock(), connected_as(Role.OWNER):
        call_command("flush", verbosity=0, interactive=False)  # with the rows that the server creates itself


@pytest.fixture
def site(_running: str, shared_db: None) -> str:
    """The URL of a running Picard on the database of this process, without users."""
    return _running


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder of log-ins."""
    folder = tmp_path / "config"
    monkeypatch.setenv("PICARD_CONFIG", str(folder))
    monkeypatch.setenv("PICARD_KEYRING", "off")
    for name in ("PICARD_URL", "PICARD_TOKEN", "PICARD_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def run(config: Path) -> RunCommand:
    """Run a command in this process."""

    def run_command(*arguments: str, stdin: str | bytes = "") -> Run:
        result = CliRunner().invoke(picard, arguments, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return Run(result.exit_code, result.stdout, result.stderr)

    return run_command


@pytest.fixture
def eve(site: str) -> User:
    """A user of the running server."""
    return make_person("eve")


@pytest.fixture
def token(site: str, eve: User) -> str:
    """A token of an app of this user that may read and write."""
    return access_token(eve, make_app("Shell"), resource=[f"{site}/api"])


@pytest.fixture
def logged_in(run: RunCommand, site: str, token: str) -> RunCommand:
    """Run a command with this user's log-in."""
    assert run("login", site, "--token", stdin=token).code == 0
    return run


@pytest.fixture
def unused_url() -> str:
    """A URL at which nothing listens."""
    return f"http://127.0.0.1:{free_port()}"
