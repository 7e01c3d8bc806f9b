"""`manage.py doctor`: it runs all checks even if one raises, and prints hints."""

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
from memories.providers import chat
from memories.providers.embeddings import reset_provider
from picard.observability import doctor
from picard.observability.doctor import Finding, State
from tests import embedding_server, model_habits
from tests.database import owning_tables
from tests.embedding_server import Habits, running_embedding_server
from tests.factories import remember
from tests.model_server import ModelServer, Mood

BY_NAME = {habits.name: habits for habits in embedding_server.SERVERS}
pytestmark = pytest.mark.django_db


def run_checks() -> dict[str, Finding]:
    return {finding.check: finding for finding in doctor.run_diagnostics()}


def test_healthy_server_has_no_failure_and_every_problem_has_a_hint(ada: User) -> None:
    findings = run_checks()
    assert len(findings) == len(doctor.CHECKS)
    assert not [finding for finding in findings.values() if finding.state == State.FAIL]
    assert all(finding.hint for finding in findings.values() if finding.state != State.OK)
    assert findings["pgvector"].state == findings["migrations"].state == findings["clock"].state == State.OK


def test_chat_model_is_asked_a_fixed_question(ada: User, model: ModelServer) -> None:
    remember(ada, "The walrus is allergic to peanuts.")
    assert (run_checks()["chat model"].state, len(model.requests)) == (State.OK, 1)
    assert "walrus" not in str(model.chats)
    chat.reset_model()
    model.habits = model_habits.SERVERS["openai, o1-preview"]
    assert run_checks()["chat model"].said.endswith("adapted: no temperature; no system role")
    model.mood, model.habits = Mood.DENYING, None
    finding = run_checks()["chat model"]
    assert (finding.state, finding.said) == (State.FAIL, "talker at 127.0.0.1: unauthorized")
    assert finding.hint


def test_pending_memories_without_a_worker_fail(ada: User) -> None:
    assert run_checks()["worker"].state == State.WARN
    remember(ada, "I am allergic to peanuts")
    assert run_checks()["worker"].state == State.FAIL


def test_wrong_master_keys_fail(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    other = [Fernet.generate_key().decode()]
    monkeypatch.setattr("accounts.keys.settings.FIELD_ENCRYPTION_KEY", other)
    finding = run_checks()["keys"]
    assert (finding.state, finding.hint != "") == (State.FAIL, True)


def test_keys_readable_by_others_fail(settings: Settings, tmp_path: Path) -> None:
    settings.KEYS_HOME = tmp_path
    key = tmp_path / "field_encryption_key"
    key.write_text("secret")
    os.chmod(tmp_path, 0o700)
    os.chmod(key, 0o644)
    finding = run_checks()["files"]
    assert (finding.state, str(key) in finding.said) == (State.FAIL, True)
    os.chmod(key, 0o600)
    assert run_checks()["files"].state == State.OK


def test_world_readable_env_file_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    settings.ENV_FILE = tmp_path / ".env"
    settings.ENV_FILE.touch()
    findings = {}
    for mode in (0o644, 0o640):
        settings.ENV_FILE.chmod(mode)
        findings[mode] = run_checks()["files"]
    assert [finding.state for finding in findings.values()] == [State.WARN, State.OK]
    assert f"chmod o= {settings.ENV_FILE}" in findings[0o644].hint


def test_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_FAIL", 1e18)
    assert run_checks()["disk space"].state == State.FAIL


def test_high_random_page_cost_is_a_warning() -> None:
    with connection.cursor() as cursor:
        cursor.execute("set local random_page_cost = 4")
    finding = run_checks()["database"]
    assert (finding.state, "1.1" in finding.hint) == (State.WARN, True)


def test_check_that_raises_fails_alone_without_quoting_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def migrations() -> Any:
        raise OperationalError("password=hunter2 is wrong")

    monkeypatch.setattr("picard.observability.health.check_migrations", migrations)
    findings = run_checks()
    assert findings["migrations"].state == State.FAIL
    assert findings["pgvector"].state == State.OK
    assert "hunter2" not in str(findings)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("oauth2_provider.W008", State.OK),  # http is allowed for loopback
        ("security.W021", State.OK),  # SECURE_HSTS_WIDE is the operator's choice
        ("security.W016", State.WARN),
    ],
)
def test_intended_settings_cause_no_warning(
    fault: str, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "run_checks", lambda **_: [checks.Warning("A warning.", id=fault)])
    assert run_checks()["configuration"].state == state


def test_unavailable_database_gets_the_database_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr("picard.observability.health.check_keys", keys)
    finding = run_checks()["keys"]
    assert (finding.state, "DATABASE_URL" in finding.hint) == (State.FAIL, True)


@pytest.mark.django_db
def test_web_server_with_the_rights_of_the_owner_gets_a_warning() -> None:
    finding = run_checks()["database"]  # the role of the tests is a member of the owner
    assert (finding.state, "picard_test owns the tables" in finding.said) == (State.WARN, True)


def test_unmigrated_database_gets_the_migrate_hint() -> None:
    with owning_tables(), connection.cursor() as cursor:
        cursor.execute("alter table accounts_serverkey rename to of_another_version")
    finding = run_checks()["keys"]
    assert (finding.state, finding.hint) == (State.FAIL, "Run manage.py migrate.")


def test_json_and_exit_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as healthy:
        call_command("doctor", "--json")
    assert {each["check"] for each in json.loads(capsys.readouterr().out)} == {*run_checks()}
    monkeypatch.setattr(doctor, "FREE_FAIL", 1e18)
    with pytest.raises(SystemExit) as failed:
        call_command("doctor")
    assert (healthy.value.code, failed.value.code) == (0, 1)
    assert "Free disk space" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("server", "variables", "state", "said", "hint"),
    [
        (BY_NAME["dashscope"], {}, State.OK, "openai, 384 dimensions in", "10 texts per request"),
        (BY_NAME["vllm"], {}, State.OK, "openai, 384 dimensions in", "without dimensions"),
        (
            Habits("bge-m3", width=1024, dimensions="ignored"),
            {},
            State.FAIL,
            "wrong_dimensions",
            "returns 1024 dim",
        ),
        (BY_NAME["openai"], {"OPENAI_API_KEY": "wrong"}, State.FAIL, "openai: unauthorized", "HTTP 401"),
        (
            BY_NAME["openai"],
            {"OPENAI_BASE_URL": "https://[::1]:1/v1"},
            State.FAIL,
            "openai: unreachable",
            "codes in",
        ),
        (Habits("none", max_texts=0), {}, State.FAIL, "openai: incompatible", "refuses every text"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_embeddings_are_checked_against_the_server(
    settings: Settings, server: Habits, variables: dict[str, str], state: State, said: str, hint: str
) -> None:
    with running_embedding_server(server) as running:
        for name, value in {**running.variables, **variables}.items():
            setattr(settings, name, value)
        reset_provider()
        found = doctor.check_embeddings()
    assert found[0] == state
    assert said in found[1]
    assert hint in f"{found[1]} {found[2]}"
    assert "Does it answer" not in f"{found}"


@pytest.mark.parametrize("name", ["ALL_PROXY", "SSL_CERT_FILE"])
def test_variable_that_keeps_a_provider_from_being_asked_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings.EMBEDDING_PROVIDER, settings.OPENAI_BASE_URL = "openai", "https://models.example/v1"
    monkeypatch.setenv(name, "ftp://user:password@proxy.example")
    reset_provider()
    state, said, hint = doctor.check_embeddings()
    assert (state, said) == (State.FAIL, "openai: misconfigured")
    assert name in hint
    assert "password" not in hint
