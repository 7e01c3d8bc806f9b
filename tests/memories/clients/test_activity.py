"""What apps used is counted as they use it, so that no page sums the audit log; and how much they read is bounded."""

import importlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.actor import Channel
from accounts.deletion.service import delete_account_permanently
from accounts.ids import new_id
from accounts.models import User
from memories import scopes
from memories.clients import activity
from memories.insights.app_days import MAX_RECENT
from memories.insights.readers import list_readers
from memories.jobs import retention
from memories.models import (
    ANONYMOUS_ID,
    READ_ACTIONS,
    AuditAction,
    AuditEvent,
    AuditSum,
    Memory,
    MemoryUse,
    UseKind,
)
from memories.portability.exports.formats import export_memories
from memories.search.query import search_memories
from memories.services import audit, reads, writes
from memories.validation.drafts import NewMemory
from oauth.models import AppGrant
from tests.factories import app, make_person, remember, session
from tests.memories.api.callers import app_of, session_of
from tests.memories.mcp import callers as mcp
from tests.oauth.flows import allow, make_app

MIGRATION = importlib.import_module("memories.migrations.0023_memory_use")
PAGES = ("/accounts/apps/", "/connect/", "/connect/connected/", "/api/v1/apps/")


def keep(ada: User, count: int) -> list[Memory]:
    return writes.create_memories(session(ada), [NewMemory(f"Walrus number {n}.") for n in range(count)])


def load_uses() -> Counter[tuple[Any, ...]]:
    rows = MemoryUse.objects.values_list("owner_id", "memory_id", "actor_id", "client_id", "kind", "times")
    return Counter({row[:-1]: row[-1] for row in rows})


# --- Counts -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_pages_count_memories_once_however_often_an_app_reads_them(ada: User) -> None:
    keep(ada, 40)
    for _ in range(30):
        reads.list_memories(app(ada), limit=40)
    usage = activity.get_usage_by_app(session(ada))["notes"]
    assert (usage.read, usage.written) == (40, 0)
    assert AuditEvent.objects.filter(action=AuditAction.MEMORY_LIST).count() == 30
    assert MemoryUse.objects.count() == 40


@pytest.mark.django_db
def test_no_page_sums_the_audit_log(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "The walrus sleeps.")
    grant = allow(ada, make_app())
    client_id = grant.application.client_id
    reads.get_memory(app(ada), memory.pk)
    for path in (*PAGES, f"/memories/{memory.pk}/", f"/api/v1/apps/{grant.pk}/"):
        with CaptureQueriesContext(connection) as captured:
            assert ada_client.get(path).status_code == 200
        log = [each["sql"] for each in captured if "memories_auditevent" in each["sql"]]
        assert log == [], (path, client_id)


@pytest.mark.django_db
def test_insights_reads_only_events_of_the_log_that_are_not_summed(ada: User, ada_client: Client) -> None:
    until = AuditSum.objects.create(until=new_id()).until
    with CaptureQueriesContext(connection) as captured:
        assert ada_client.get("/memories/insights/").status_code == 200
    [log] = [each["sql"] for each in captured if "memories_auditevent" in each["sql"]]
    assert f"> '{until.hex}'::uuid" in log
    assert f"LIMIT {MAX_RECENT}" in log


@pytest.mark.django_db
@pytest.mark.parametrize("action", AuditAction)
def test_the_trigger_and_the_code_agree_on_what_reads_are(ada: User, action: AuditAction) -> None:
    memory_id = new_id()
    audit.record_event(app(ada), action, owner_id=ada.pk, memory_ids=[memory_id])
    kind = UseKind.READ if action in READ_ACTIONS else UseKind.WRITE
    if action == AuditAction.MEMORY_PROPOSE:
        kind = UseKind.OTHER
    assert MemoryUse.objects.values_list("memory_id", "kind", "times").get() == (memory_id, kind, 1)


@pytest.mark.django_db
def test_own_use_and_housekeeping_are_not_counted(ada: User) -> None:
    memory = remember(ada, "The walrus.")
    reads.get_memory(session(ada), memory.pk)
    list(export_memories(session(ada), "jsonl").chunks)
    AuditEvent.objects.create(
        owner=ada, door=Channel.WORKER, action=AuditAction.MEMORY_PURGE, memory_ids=[memory.pk]
    )
    assert not MemoryUse.objects.exists()
    assert list_readers(session(ada), memory.pk) == []


@pytest.mark.django_db
def test_other_people_and_anonymous_users_are_counted_apart(ada: User, bob: User, settings: Settings) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"
    User.objects.filter(pk=ada.pk).update(persona_enabled=True, public_page_enabled=True)
    ada.refresh_from_db()
    memory = remember(ada, "The walrus sleeps on ice.", visibility="public")
    for reader in (session(bob), session(None), app(bob, scopes.READ, scopes.PERSONA)):
        search_memories(reader, "walrus", owner=ada)
    assert set(MemoryUse.objects.values_list("actor_id", "client_id")) == {
        (bob.pk, ""), (ANONYMOUS_ID, ""), (bob.pk, "notes"),
    }  # fmt: skip
    readers = list_readers(session(ada), memory.pk)
    assert {(each.client_id, each.handle) for each in readers} == {
        ("", bob.handle), ("", ""), ("notes", bob.handle),
    }  # fmt: skip


@pytest.mark.django_db
def test_events_before_the_upgrade_are_counted_by_the_migration(ada: User, bob: User) -> None:
    first, second = remember(ada, "One."), remember(ada, "Two.")
    for action in (AuditAction.MEMORY_READ, AuditAction.MEMORY_READ, AuditAction.MEMORY_EXPORT,
                   AuditAction.MEMORY_UPDATE, AuditAction.MEMORY_PROPOSE):  # fmt: skip
        audit.record_event(app(ada), action, owner_id=ada.pk, memory_ids=[first.pk, second.pk])
    for reader in (session(bob), session(None)):
        audit.record_event(reader, AuditAction.PERSONA_ASK, owner_id=ada.pk, memory_ids=[second.pk])
    counted = load_uses()
    assert sum(counted.values()) == 12
    recent = list(AuditEvent.objects.values_list("pk", flat=True))
    for until, others in ((MIGRATION.FIRST_ID, recent), (UUID(int=2**128 - 1), [])):
        MemoryUse.objects.all().delete()
        MIGRATION.count_existing(connection, until, others)
        assert load_uses() == counted


@pytest.mark.django_db
def test_uses_outlive_30_days_but_not_the_audit_log(ada: User, settings: Settings) -> None:
    settings.AUDIT_DAYS = 50
    memory = remember(ada, "The walrus.")
    reads.get_memory(app(ada), memory.pk)
    for days, is_used, is_kept in ((29, True, True), (31, False, True), (51, False, False)):
        MemoryUse.objects.update(last_at=timezone.now() - timedelta(days=days))
        retention.purge_memory_uses()
        assert ("notes" in activity.get_usage_by_app(session(ada))) == is_used
        assert bool(list_readers(session(ada), memory.pk)) == is_kept


@pytest.mark.django_db
def test_uses_are_deleted_with_the_account(ada: User, bob: User) -> None:
    for person in (ada, bob):
        reads.get_memory(app(person), remember(person, "The walrus.").pk)
    delete_account_permanently(ada)
    assert list(MemoryUse.objects.values_list("owner_id", flat=True)) == [bob.pk]


# --- The off switch ---------------------------------------------------------------------------------------------


@pytest.fixture
def _locked_figures(shared_db: None) -> Iterator[None]:
    """Lock the tables of all figures, as nothing in Picard does, and cancel queries that wait for them."""
    parameters = connection.get_connection_params()
    known = {
        name: parameters[name]
        for name in ("host", "port", "user", "password", "dbname")
        if name in parameters
    }
    with connection.cursor() as cursor:
        cursor.execute("set statement_timeout = 300")
    try:
        with psycopg.connect(**known) as other:
            other.execute("lock table memories_memoryuse, memories_auditevent in access exclusive mode")
            yield
            other.rollback()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("reset statement_timeout")


def test_apps_can_be_paused_while_no_figure_can_be_read(
    request: pytest.FixtureRequest, shared_db: None
) -> None:
    ada = make_person("ada")
    grant = allow(ada, make_app())
    client = Client()
    client.force_login(ada)
    request.getfixturevalue("_locked_figures")
    page = client.get("/accounts/apps/")
    assert page.status_code == 200
    assert "usage is not available" in page.content.decode()
    page = client.get(reverse("oauth:app", args=[grant.pk]))
    assert page.status_code == 200
    assert reverse("oauth:disconnect", args=[grant.pk]) in page.content.decode()


# --- Reads of an app per day ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_app_reads_a_bounded_number_of_memories_per_day(ada: User, settings: Settings) -> None:
    settings.READS_PER_APP_PER_DAY = 5
    keep(ada, 3)
    first, second = app_of(ada), app_of(ada)
    assert first("get", "/memories/").status == 200
    refused = first("get", "/memories/")
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) in range(86_390, 86_401)
    assert "too many memories" in refused.json["detail"]
    assert "Walrus" not in refused.content.decode()
    assert AuditEvent.objects.filter(action=AuditAction.MEMORY_LIST).count() == 1  # of what was answered
    assert second("get", "/memories/").status == 200
    for _ in range(3):
        assert session_of(ada)("get", "/memories/").status == 200


@pytest.mark.django_db
def test_mcp_says_when_an_app_may_read_again(ada: User, settings: Settings) -> None:
    settings.READS_PER_APP_PER_DAY = 9
    [first, *_] = keep(ada, 6)
    caller = mcp.app_of(ada)
    assert "Walrus" in json_of(caller.call("list_recent"))
    refused = json_of(caller.call("fetch", id=str(first.pk)))
    assert "too many memories today. Try again in 19200 s." in refused
    assert "Walrus" not in refused


def json_of(answer: Any) -> str:
    assert answer.status == 200
    return str(answer.json)


@pytest.mark.django_db
def test_export_is_refused_as_a_whole(ada: User, settings: Settings) -> None:
    settings.READS_PER_APP_PER_DAY = 5
    keep(ada, 3)
    exporter = app_of(ada, scopes.READ, scopes.ADMIN)
    assert exporter("get", "/export/?format=jsonl").content.count(b"Walrus") == 3
    refused = exporter("get", "/export/?format=jsonl")
    assert (refused.status, refused.code, "Retry-After" in refused.headers) == (429, "rate_limited", True)
    assert b"".join(export_memories(session(ada), "jsonl").chunks).count(b"Walrus") == 3


# --- Long activity ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_event_of_many_memories_becomes_several(ada: User) -> None:
    ids = [new_id() for _ in range(2 * audit.MAX_IDS + 1)]
    audit.record_event(session(ada), AuditAction.MEMORY_TRASH, owner_id=ada.pk, memory_ids=ids)
    events = [event.memory_ids for event in AuditEvent.objects.order_by("pk")]
    assert [len(each) for each in events] == [1_000, 1_000, 1]
    assert [pk for each in events for pk in each] == ids


@pytest.mark.django_db
def test_activity_of_rest_is_bounded_in_memories_and_complete_over_its_pages(ada: User) -> None:
    counts = [3, 4_000, 5_000, 4_000, 2]
    for count in counts:  # as earlier releases recorded them
        AuditEvent.objects.create(
            owner=ada,
            door=Channel.WEB,
            action=AuditAction.MEMORY_TRASH,
            memory_ids=[new_id() for _ in range(count)],
        )
    caller, path, pages = session_of(ada), "/activity/?limit=100", []
    while path:
        answer = caller("get", path)
        pages.append([len(event["memory_ids"]) for event in answer.json["results"]])
        path = (answer.json["next"] or "").partition("/api/v1")[2]
    assert pages == [[2, 4_000, 5_000], [4_000, 3]]


@pytest.mark.django_db
def test_event_of_20_000_memories_is_cut_and_counted(ada: User, ada_client: Client) -> None:
    grant = AppGrant.objects.get(pk=allow(ada, make_app()).pk)
    AuditEvent.objects.create(
        owner=ada, actor_id=ada.pk, door=Channel.API, client_id=grant.application.client_id, happened_at=Now(),
        action=AuditAction.MEMORY_CREATE, memory_ids=[new_id() for _ in range(20_000)],
    )  # fmt: skip
    answer = session_of(ada)("get", "/activity/")
    [event] = answer.json["results"]
    assert (event["memory_count"], len(event["memory_ids"])) == (20_000, 10_000)
    assert len(answer.content) < 500_000
    page = ada_client.get(reverse("oauth:app", args=[grant.pk])).content.decode()
    assert "25 deleted memories" in " ".join(page.split())
    assert "and 19975 more memories" in " ".join(page.split())
