"""/healthz says that the server lives, /readyz whether it can serve; neither says more than that."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

CHECKS = ("database", "migrations", "extension", "keys", "backlog")


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_alive_asks_no_database(path: str) -> None:
    response = Client().get(path)  # without the db fixture a query fails
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/health", 200), ("/", 400)])
def test_whoever_watches_may_call_the_server_by_another_name(path: str, status: int) -> None:
    assert Client().get(path, headers={"Host": "10.0.0.7:8000"}).status_code == status


@pytest.mark.django_db
def test_ready_names_every_check() -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert response.json() == {
        "status": "ok",
        "checks": dict.fromkeys(CHECKS, "ok"),
        "backlog": {"pending": 0, "failed": 0},
    }


@pytest.mark.django_db
def test_a_migration_that_is_not_applied_is_not_ready() -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'memories'")
    assert _failed() == ["migrations"]


@pytest.mark.django_db
def test_wrong_keys_are_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.keys.check_master_keys", _fail)
    assert _failed() == ["keys"]


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_not_ready_and_nothing_leaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "cursor", _fail)
    monkeypatch.setattr("memories.index.work_queue.get_backlog", _fail)
    assert {"database", "extension", "backlog"} <= set(_failed())
    assert b"hunter2" not in Client().get("/readyz").content


def _failed() -> list[str]:
    response = Client().get("/readyz")
    assert response.status_code == 503
    return [name for name, state in response.json()["checks"].items() if state == "failed"]


def _fail(*_: Any, **__: Any) -> None:
    raise OperationalError("password=hunter2 is wrong")
