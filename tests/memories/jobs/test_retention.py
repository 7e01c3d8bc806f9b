"""The retention steps, each independent of the others."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from pytest_django import Settings

from accounts.models import User
from memories.jobs import indexer, retention
from memories.models import EmbeddingSpace
from picard.config.log_config import JsonFormatter
from tests.factories import remember

pytestmark = pytest.mark.django_db

FILL = """
insert into shared_cache (cache_key, value, expires)
select ':1:eve' || number, '', now() + %s * interval '1 hour' from generate_series(1, 1000) number
"""


def fill_cache(*, hours: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, [hours])


def test_failed_step_is_logged_without_its_message_and_others_still_run(
    ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select 'I am allergic to peanuts'::int")
        return 1

    steps = {"first": lambda: 1, "broken": fail, "last": User.objects.count}
    monkeypatch.setattr(retention, "STEPS", steps)
    assert retention.run_steps() == {"first": 1, "last": 1}
    [line] = caplog.records
    assert line.getMessage() == "retention step failed: broken"
    assert "peanuts" not in JsonFormatter().format(line)


def test_failed_step_is_rolled_back(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        User.objects.update(display_name="Eve")
        raise ValueError

    monkeypatch.setattr(retention, "STEPS", {"broken": fail})
    assert retention.run_steps() == {}
    assert User.objects.get().display_name == "Ada"


def test_lost_database_connection_is_not_a_step_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> int:
        raise OperationalError

    monkeypatch.setattr(retention, "STEPS", {"broken": fail})
    monkeypatch.setattr(connection, "savepoint_rollback", fail)
    with pytest.raises(OperationalError):
        retention.run_steps()


@pytest.mark.parametrize("wrong", [{"EMBEDDING_DIMENSIONS": 200}, {"EMBEDDING_PROVIDER": "openai"}])
def test_misconfigured_provider_stops_neither_worker_nor_purging(
    ada: User, settings: Settings, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(settings, name, value)
    EmbeddingSpace.objects.create(identity="of an earlier model")
    remember(ada, "one", tags=["used"]).delete()
    touched = retention.run_steps()
    assert (touched["spaces"], touched["tags"]) == (0, 1)
    retention.requeue_on_start()
    indexer.process_batch(worker=0)
    assert EmbeddingSpace.objects.exists()


def test_login_limits_cannot_be_evicted_from_cache() -> None:
    cache.set("attempts:ada", 5, timeout=60)
    fill_cache(hours=1)
    cache.set("attempts:eve", 1, timeout=60)
    assert cache.get("attempts:ada") == 5


def test_stored_emails_are_deleted_when_their_links_expire(settings: Settings, tmp_path: Path) -> None:
    settings.PICARD_HOME, settings.DELETION_DAYS = tmp_path, 14
    (tmp_path / "mail").mkdir()
    for name, days in (("new.log", 13), ("old.log", 15), ("of-the-operator.txt", 15)):
        (tmp_path / "mail" / name).touch()
        os.utime(tmp_path / "mail" / name, times=(0, time.time() - days * 24 * 3600))
    assert retention.run_steps()["letters"] == 1
    assert {path.name for path in (tmp_path / "mail").iterdir()} == {"new.log", "of-the-operator.txt"}


def test_expired_cache_entries_are_deleted() -> None:
    cache.clear()  # tests that commit leave entries behind
    cache.set("attempts:ada", 5, timeout=60)
    fill_cache(hours=-1)
    assert retention.run_steps()["shared cache"] == 1_000
    assert cache.get("attempts:ada") == 5
