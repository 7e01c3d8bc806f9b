"""The doctor looks at everything, goes on after a check that falls over, and says what to do."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core import checks
from django.core.management import call_command
from django.db import OperationalError, connection
from pytest_django import Settings

from accounts.models import User
from picard.observability import doctor
from picard.observability.doctor import Finding, State
from tests.factories import remember

pytestmark = pytest.mark.django_db


def examined() -> dict[str, Finding]:
    return {finding.check: finding for finding in doctor.run_diagnostics()}


def test_a_sound_server_has_no_failure_and_every_trouble_has_a_hint(ada: User) -> None:
    found = examined()
    assert len(found) == len(doctor.CHECKS)
    assert not [finding for finding in found.values() if finding.state == State.FAIL]
    assert all(finding.hint for finding in found.values() if finding.state != State.OK)
    assert found["pgvector"].state == found["migrations"].state == found["clock"].state == State.OK


def test_memories_without_a_worker_are_a_failure(ada: User) -> None:
    assert examined()["worker"].state == State.WARN
    remember(ada, "I am allergic to peanuts")
    assert examined()["worker"].state == State.FAIL


def test_wrong_master_keys_are_a_failure(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    other = [Fernet.generate_key().decode()]
    monkeypatch.setattr("accounts.keys.settings.FIELD_ENCRYPTION_KEY", other)
    found = examined()["keys"]
    assert (found.state, found.hint != "") == (State.FAIL, True)


def test_keys_that_others_may_read_are_a_failure(settings: Settings, tmp_path: Path) -> None:
    settings.KEYS_HOME = tmp_path
    key = tmp_path / "field_encryption_key"
    key.write_text("secret")
    os.chmod(tmp_path, 0o700)
    os.chmod(key, 0o644)
    found = examined()["files"]
    assert (found.state, str(key) in found.said) == (State.FAIL, True)
    os.chmod(key, 0o600)
    assert examined()["files"].state == State.OK


def test_a_file_of_variables_that_everybody_may_read_is_worth_a_word(
    settings: Settings, tmp_path: Path
) -> None:
    settings.ENV_FILE = tmp_path / ".env"
    settings.ENV_FILE.touch()
    found = {}
    for mode in (0o644, 0o640):
        settings.ENV_FILE.chmod(mode)
        found[mode] = examined()["files"]
    assert [each.state for each in found.values()] == [State.WARN, State.OK]
    assert f"chmod o= {settings.ENV_FILE}" in found[0o644].hint


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_FAIL", 1e18)
    assert examined()["disk space"].state == State.FAIL


def test_a_server_that_thinks_of_a_moving_head_is_told() -> None:
    with connection.cursor() as cursor:
        cursor.execute("set local random_page_cost = 4")
    found = examined()["database"]
    assert (found.state, "1.1" in found.hint) == (State.WARN, True)


def test_a_check_that_falls_over_fails_alone_and_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def migrations() -> Any:
        raise OperationalError("password=hunter2 is wrong")

    monkeypatch.setattr("picard.observability.health.check_migrations", migrations)
    found = examined()
    assert found["migrations"].state == State.FAIL
    assert found["database"].state == State.OK
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("oauth2_provider.W008", State.OK),  # http for loopback is meant
        ("security.W021", State.OK),  # so is SECURE_HSTS_WIDE, as the operator likes
        ("security.W016", State.WARN),
    ],
)
def test_what_is_meant_to_be_is_no_trouble(fault: str, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run_checks", lambda **_: [checks.Warning("A word.", id=fault)])
    assert examined()["configuration"].state == state


def test_a_database_that_does_not_answer_is_no_matter_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr("picard.observability.health.check_keys", keys)
    found = examined()["keys"]
    assert (found.state, "DATABASE_URL" in found.hint) == (State.FAIL, True)


def test_a_database_that_was_never_migrated_is_no_matter_of_keys() -> None:
    with connection.cursor() as cursor:
        cursor.execute("alter table accounts_serverkey rename to of_another_version")
    found = examined()["keys"]
    assert (found.state, found.hint) == (State.FAIL, "Run manage.py migrate.")


def test_json_and_exit_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as well:
        call_command("doctor", "--json")
    assert {each["check"] for each in json.loads(capsys.readouterr().out)} == {*examined()}
    monkeypatch.setattr(doctor, "FREE_FAIL", 1e18)
    with pytest.raises(SystemExit) as ill:
        call_command("doctor")
    assert (well.value.code, ill.value.code) == (0, 1)
    assert "Make room" in capsys.readouterr().out
