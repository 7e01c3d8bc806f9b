"""What apps did by day: summed by the worker, and counted from the log since."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actor import Channel
from accounts.ids import new_id_at
from accounts.models import User
from memories.insights.app_days import AppActivity, list_app_activity, purge_days, sum_events
from memories.insights.periods import Range, build_period
from memories.models import AppDay, AuditAction, AuditEvent
from memories.services import reads
from tests.factories import app, remember, session

READ, CREATE = AuditAction.MEMORY_READ, AuditAction.MEMORY_CREATE


def record(owner: User, moment: datetime, action: AuditAction = READ, **fields: Any) -> AuditEvent:
    values = {"client_id": "notes", "memory_ids": [new_id_at(moment)], "actor_id": owner.pk, **fields}
    return AuditEvent.objects.create(
        id=new_id_at(moment), owner=owner, door=Channel.MCP, action=action, happened_at=moment, **values
    )


def list_counts(user: User, wanted: Range = Range.DAYS) -> list[AppActivity]:
    return list_app_activity(session(user), build_period(wanted, timezone.now().astimezone(user.zone), None))


@pytest.fixture(params=["recent", "summed"])
def summed(request: pytest.FixtureRequest) -> bool:
    """Everything is counted alike, whether the worker has summed it or not."""
    return bool(request.param == "summed")


def test_reads_and_writes_of_apps_are_counted_by_day(ada: User, bob: User, summed: bool) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    for action in (READ, AuditAction.MEMORY_SEARCH, CREATE, AuditAction.PERSONA_ASK):
        record(ada, yesterday, action)
    record(ada, yesterday, client_id="coach")
    record(bob, yesterday)
    record(ada, yesterday - timedelta(days=40))
    if summed:
        assert sum_events() == 7
    notes, coach = list_counts(ada)
    assert (notes.client_id, notes.reads[-2], notes.writes[-2], sum(notes.reads)) == ("notes", 3, 1, 3)
    assert (coach.client_id, sum(coach.reads), sum(coach.writes)) == ("coach", 1, 0)


def test_only_what_apps_did_with_memories_counts(ada: User, summed: bool) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    record(ada, yesterday, client_id="")
    record(ada, yesterday, memory_ids=[])
    record(ada, yesterday, AuditAction.MEMORY_PROPOSE)
    record(ada, yesterday, AuditAction.APP_PAUSE, memory_ids=[])
    if summed:
        sum_events()
    assert list_counts(ada) == []


def test_a_day_is_one_of_the_owners_time_zone(ada: User, summed: bool) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Asia/Kolkata")
    ada.refresh_from_db()
    midnight = timezone.now().astimezone(ada.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    before = midnight - timedelta(days=2)
    record(ada, before - timedelta(minutes=1))
    record(ada, before + timedelta(minutes=1))
    if summed:
        sum_events()
    assert list(list_counts(ada)[0].reads[-4:]) == [1, 1, 0, 0]


def test_each_event_counts_once_however_often_the_worker_sums(ada: User) -> None:
    now = timezone.now()
    record(ada, now - timedelta(hours=30))
    assert (sum_events(), sum_events()) == (1, 0)
    record(ada, now - timedelta(hours=29))
    assert sum_events() == 1
    assert sum(list_counts(ada)[0].reads) == 2


def test_the_worker_leaves_the_last_hour_to_the_page(ada: User) -> None:
    """An event of another server may still be written with an earlier id."""
    memory = remember(ada, "One.")
    reads.get_memory(app(ada), memory.pk)
    sum_events()
    assert not AppDay.objects.exists()
    assert sum(list_counts(ada)[0].reads) == 1


def test_a_time_zone_that_the_database_does_not_know_counts_as_utc(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Mars/Olympus")
    record(ada, datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    sum_events()
    assert AppDay.objects.get().day.isoformat() == "2026-03-01"


def test_days_are_deleted_with_the_audit_log(ada: User, settings: Any) -> None:
    settings.AUDIT_DAYS = 30
    record(ada, timezone.now() - timedelta(days=32))
    record(ada, timezone.now() - timedelta(days=2))
    sum_events()
    assert (purge_days(), AppDay.objects.count()) == (1, 1)
