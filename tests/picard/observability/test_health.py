"""/healthz and /readyz: liveness and readiness without further details."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from tests.database import owning_tables

CHECKS = ("database", "migrations", "extension", "keys")


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_liveness_does_not_query_the_database(path: str) -> None:
    response = Client().get(path)  # without the db fixture, a query fails
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/health", 200), ("/", 400)])
def test_monitoring_can_use_any_host_name(path: str, status: int) -> None:
    assert Client().get(path, headers={"Host": "10.0.0.7:8000"}).status_code == status


@pytest.mark.django_db
def test_readiness_lists_every_check() -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert response.json() == {
        "status": "ok",
        "checks": dict.fromkeys(CHECKS, "ok"),
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("configured", "sent", "is_shown"),
    [("t" * 32, "Bearer " + "t" * 32, True), ("t" * 32, "Bearer x", False), ("", "Bearer ", False)],
)
def test_only_the_metrics_token_shows_who_waits_for_the_worker(
    settings: Settings, configured: str, sent: str, is_shown: bool
) -> None:
    settings.METRICS_TOKEN = configured
    report = Client().get("/readyz", headers={"Authorization": sent}).json()
    assert ("backlog" in report) == ("backlog" in report["checks"]) == is_shown
    assert report.get("backlog") == ({"pending": 0, "failed": 0} if is_shown else None)


@pytest.mark.django_db
def test_failure_to_count_who_waits_is_told_but_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_TOKEN = "t" * 32
    monkeypatch.setattr("memories.index.work_queue.get_backlog", _fail)
    response = Client().get("/readyz", headers={"Authorization": "Bearer " + "t" * 32})
    assert (response.status_code, response.json()["checks"]["backlog"]) == (200, "failed")
    assert Client().get("/readyz").status_code == 200  # polled by anybody, in one connection


@pytest.mark.django_db
def test_unapplied_migration_is_not_ready() -> None:
    with owning_tables(), connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'memories'")
    assert _list_failed_checks() == ["migrations"]


@pytest.mark.django_db
def test_wrong_keys_are_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.keys.check_master_keys", _fail)
    assert _list_failed_checks() == ["keys"]


@pytest.mark.django_db
def test_unavailable_database_is_not_ready_and_details_do_not_leak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "cursor", _fail)
    assert {"database", "extension"} <= set(_list_failed_checks())
    assert b"hunter2" not in Client().get("/readyz").content


def _list_failed_checks() -> list[str]:
    response = Client().get("/readyz")
    assert response.status_code == 503
    return [name for name, state in response.json()["checks"].items() if state == "failed"]


def _fail(*_: Any, **__: Any) -> None:
    raise OperationalError("password=hunter2 is wrong")
