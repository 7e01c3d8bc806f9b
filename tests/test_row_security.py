"""A forgotten filter shows nothing: the database itself gives a person only their own rows."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from pytest_django import Settings

from accounts.actor import ANONYMOUS
from accounts.keys import get_person_key
from accounts.models import PersonKey, User
from core.db.prepared import fetch_prepared
from core.db.principal import (
    NOBODY,
    SYSTEM,
    Principal,
    act_for,
    acting_as,
    get_principal,
    keep_principal,
    read_public_of,
)
from core.db.roles import Role, choose_role
from core.db.row_security import build_system_function
from memories.models import Memory, MemoryTag, MemoryVector, Tag
from memories.models.compiled import forget_shapes
from memories.models.visibility import MemoryQuerySet, VisibleQuerySet
from memories.persona import retrieval
from memories.services import reads, writes
from picard.config.checks import check_database_roles
from picard.database import grants
from picard.management.commands import migrate
from picard.postgres.manager import ROLES
from tests.citus import cluster
from tests.database import owning_tables
from tests.factories import app, make_person, remember, session
from tests.memories.api.callers import app_of, session_of
from tests.memories.mcp.callers import app_of as mcp_app_of
from tests.processes import database_url

OWNED = [
    model
    for model in apps.get_models()
    if any(field.name == "owner" for field in model._meta.concrete_fields)
]
PROTECTED = {model._meta.db_table for model in OWNED} | {"accounts_personkey"}
# A trigger with the rights of their owner reads and writes them, whoever acts. They have ids alone.
RECORDED = {"memories_vectorcache", "memories_vectorchange"}
SECRET = "zebrafish"


@pytest.fixture
def bobs(bob: User) -> Memory:
    """A private memory of another person, with a tag, in the trash of nobody."""
    return remember(bob, f"Bob keeps a {SECRET}.", tags=[SECRET])


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every service forgets to ask whose memory it is."""
    for name in ("visible_to", "owned_by"):
        monkeypatch.setattr(VisibleQuerySet, name, lambda rows, *_, **__: rows.all())
    monkeypatch.setattr(MemoryQuerySet, "trash_visible_to", lambda rows, *_: rows.all())
    forget_shapes()


def fetch(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


# --- The policies -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.plain(reason="on a cluster the owner of the tables is not subject to it")
def test_every_table_with_rows_of_people_is_protected_from_its_owner_too() -> None:
    protected = fetch("select relname, relforcerowsecurity from pg_class where relrowsecurity")
    assert dict(protected) == {table: table not in RECORDED for table in PROTECTED}
    policies = fetch("select tablename, policyname from pg_policies where schemaname = 'public'")
    for table in PROTECTED:
        assert {"own", "system"} <= {policy for name, policy in policies if name == table}
    assert {name for name, policy in policies if policy == "public"} == {
        "accounts_personkey",
        "memories_memory",
        "memories_memoryvector",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("table", sorted(PROTECTED))
def test_nobody_reads_nothing(table: str, bobs: Memory) -> None:
    statement = f"select count(*) from {table}"
    with acting_as(NOBODY):
        assert fetch(statement) == [(0,)]
        assert fetch_prepared(statement, []) == [(0,)]
        if not cluster.URL:  # where the owner is not subject to it
            with owning_tables():
                assert fetch(statement) == [(0,)]


@pytest.mark.django_db
@pytest.mark.plain(reason="Citus refuses the statements without a filter; tests/citus has others")
def test_a_person_reads_only_their_own_rows(ada: User, bobs: Memory) -> None:
    own = remember(ada, "Ada plays the viola.", tags=["music"])
    for act in (Principal(ada.pk), Principal(bobs.owner_id)):
        with acting_as(act):
            for model in (Memory, MemoryTag, MemoryVector, Tag):
                owners = set(model._default_manager.values_list("owner_id", flat=True))
                assert owners == {act.owner}
            assert set(PersonKey.objects.values_list("pk", flat=True)) == {act.owner}
    with acting_as(Principal(ada.pk)):
        assert [row.pk for row in Memory.objects.iterator(chunk_size=1)] == [own.pk]  # a cursor on the server
        assert [row.pk for row in Memory.objects.select_for_update()] == [own.pk]


@pytest.mark.django_db
def test_a_person_changes_and_deletes_only_their_own_rows(ada: User, bobs: Memory) -> None:
    with acting_as(Principal(ada.pk)):
        assert Memory.objects.filter(pk=bobs.pk).update(visibility="public") == 0
        assert Memory.objects.filter(pk=bobs.pk).delete()[0] == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Tag.objects.bulk_create([Tag(owner_id=bobs.owner_id, name="x", name_hash=b"x" * 32)])
    assert Memory.objects.get(pk=bobs.pk).visibility == "private"


@pytest.mark.django_db
def test_of_another_person_only_public_rows_can_be_read(
    ada: User, bob: User, carol: User, bobs: Memory
) -> None:
    public = remember(bob, "Bob sings.", visibility="public")
    remember(carol, "Carol sings.", visibility="public")
    with acting_as(Principal(ada.pk, public_of=bob.pk)):
        assert [row.pk for row in Memory.objects.all()] == [public.pk]
        assert {row.memory_id for row in MemoryVector.objects.all()} == {public.pk}
        assert not Tag.objects.exists()
        assert Memory.objects.update(visibility="private") == 0
    assert Memory.objects.get(pk=public.pk).is_public


@pytest.mark.django_db
def test_deleting_a_memory_deletes_what_points_to_it(ada: User) -> None:
    memory = remember(ada, "Ada plays the viola.", tags=["music"])
    writes.update_memory(session(ada), memory.pk, text="Ada plays the cello.")
    newer = remember(ada, "Ada plays the organ.", supersedes=memory.pk)
    with acting_as(Principal(ada.pk)):
        memory.delete()
    assert Memory.objects.get(pk=newer.pk).supersedes_id is None
    assert not any(fetch("select 1 from memories_memoryvector where memory_id = %s", memory.pk))
    assert not any(fetch("select 1 from memories_memorytag where memory_id = %s", memory.pk))
    assert not any(fetch("select 1 from memories_memoryrevision where memory_id = %s", memory.pk))


# --- Who acts -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_acts_changes_within_a_transaction(ada: User, bobs: Memory) -> None:
    remember(ada, "one")
    for act, count in (
        (Principal(ada.pk), 1),
        (NOBODY, 0),
        (SYSTEM, 2),
        (NOBODY, 0),
        (Principal(bobs.owner_id), 1),
    ):
        with acting_as(act):
            assert Memory.objects.count() == count
            assert fetch_prepared("select count(*) from memories_memory", []) == [(count,)]


@pytest.mark.django_db
def test_a_savepoint_that_is_rolled_back_changes_nobody(ada: User, bobs: Memory) -> None:
    for outer, inner in ((Principal(ada.pk), Principal(bobs.owner_id)), (NOBODY, SYSTEM)):
        with acting_as(outer):
            before = Memory.objects.count()
            with suppress(ZeroDivisionError), transaction.atomic(), acting_as(inner):
                assert set(Memory.objects.values_list("owner_id", flat=True)) == {bobs.owner_id}
                raise ZeroDivisionError
            assert Memory.objects.count() == before == 0


@pytest.mark.django_db
def test_a_savepoint_is_rolled_back_after_who_acts_has_changed(ada: User, bobs: Memory) -> None:
    own = remember(ada, "Ada plays the viola.")
    with acting_as(Principal(bobs.owner_id)), transaction.atomic():
        assert Memory.objects.get().pk == bobs.pk
        with suppress(ProgrammingError), transaction.atomic():
            act_for(ada.pk)
            fetch("select nothing from memories_memory")
        assert Memory.objects.get().pk == own.pk


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_on_a_connection(ada: User, bobs: Memory) -> None:
    with acting_as(Principal(bobs.owner_id)):
        assert Memory.objects.count() == 1
        with transaction.atomic():
            assert Memory.objects.count() == 1
        assert [row.pk for row in Memory.objects.iterator(chunk_size=1)] == [bobs.pk]
        assert fetch_prepared("select count(*) from memories_memory", []) == [(1,)]
        with pytest.raises(ProgrammingError):
            fetch("select nothing from memories_memory")
    with acting_as(NOBODY):
        raw = connection.connection.execute("select count(*) from memories_memory")
        assert raw.fetchone() == (0,)
        assert Memory.objects.count() == 0
        with transaction.atomic():
            assert Memory.objects.count() == 0
        assert fetch_prepared("select count(*) from memories_memory", []) == [(0,)]
        assert not list(Memory.objects.iterator(chunk_size=1))


def test_only_a_request_decides_who_acts() -> None:
    with acting_as(NOBODY):
        act_for(UUID(int=1))
        read_public_of(UUID(int=2))
        assert get_principal() == Principal(UUID(int=1), UUID(int=2))
    assert get_principal() == SYSTEM  # of the tests
    act_for(UUID(int=1))
    assert get_principal() == SYSTEM


def test_a_stream_acts_as_the_request_that_began_it() -> None:
    stream = keep_principal(Principal(UUID(int=1)), (get_principal() for _ in range(2)))
    with acting_as(NOBODY):
        assert list(stream) == [Principal(UUID(int=1))] * 2
        assert get_principal() == NOBODY


# --- Services that forget their filter ------------------------------------------------------------------


PAGES = (
    "/memories/",
    f"/memories/?q={SECRET}",
    "/memories/trash/",
    "/memories/review/",
    "/memories/insights/",
    "/memories/insights/map/",
)
CALLS = (
    ("get", "/memories/", None),
    ("post", "/memories/search/", {"query": SECRET}),
    ("get", "/tags/", None),
    ("get", "/export/", None),
    ("get", "/activity/", None),
)


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.plain(reason="Citus refuses the statements without a filter; tests/citus has others")
def test_a_page_without_its_filter_shows_nothing_of_others(
    path: str, ada_client: Client, ada: User, bobs: Memory, careless: None
) -> None:
    remember(ada, "Ada plays the viola.")
    response = ada_client.get(path)
    assert response.status_code == 200
    assert f"keeps a {SECRET}" not in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("call", CALLS, ids=str)
@pytest.mark.parametrize("caller_of", [app_of, session_of])
@pytest.mark.plain(reason="Citus refuses the statements without a filter; tests/citus has others")
def test_the_rest_api_without_its_filter_shows_nothing_of_others(
    call: tuple[str, str, Any], caller_of: Callable[..., Any], ada: User, bobs: Memory, careless: None
) -> None:
    remember(ada, "Ada plays the viola.")
    answer = caller_of(ada)(*call)
    assert answer.status in (200, 403)  # an app may not export
    assert SECRET not in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.plain(reason="Citus refuses the statements without a filter; tests/citus has others")
def test_one_memory_of_another_is_not_found_without_the_filter(
    ada: User, bobs: Memory, careless: None
) -> None:
    for method, body in (("get", None), ("patch", {"text": "mine"}), ("delete", None)):
        assert app_of(ada)(method, f"/memories/{bobs.pk}/", body).status == 404
    assert Memory.objects.get(pk=bobs.pk).text == f"Bob keeps a {SECRET}."


@pytest.mark.django_db(transaction=True)
def test_mcp_without_the_filter_shows_nothing_of_others(ada: User, bobs: Memory, careless: None) -> None:
    remember(ada, "Ada plays the viola.")
    caller = mcp_app_of(ada)
    for answer in (caller.call("list_recent"), caller.call("search", query=SECRET)):
        assert SECRET not in answer.content.decode()


@pytest.mark.django_db
def test_a_public_page_without_the_filter_shows_only_public_memories(bobs: Memory, careless: None) -> None:
    bob = bobs.owner
    bob.persona_enabled = bob.public_page_enabled = True
    bob.save()
    remember(bob, "Bob sings.", visibility="public")
    page = Client().post(f"/@{bob.handle}", {"question": f"Does Bob keep a {SECRET}? Does he sing?"})
    assert "Bob sings." in page.content.decode()
    assert f"keeps a {SECRET}" not in page.content.decode()


@pytest.mark.django_db
def test_a_question_is_recorded_in_the_log_of_the_person_asked(ada: User, bob: User) -> None:
    bob.persona_enabled = True
    bob.save()
    remember(bob, "Bob sings.", visibility="public")
    with acting_as(Principal(ada.pk)):
        answer = retrieval.ask_persona(session(ada), bob, "Does Bob sing?")
        assert answer.citations
        assert get_person_key(bob.pk)
    assert fetch(
        "select actor_id from memories_auditevent where owner_id = %s and action = 'persona:ask'", bob.pk
    ) == [(ada.pk,)]


# --- The roles ----------------------------------------------------------------------------------------


@contextmanager
def connecting(role: Role) -> Iterator["psycopg.Connection[Any]"]:
    with closing(psycopg.connect(database_url(role), autocommit=True)) as raw:
        yield raw


FORBIDDEN = (
    "alter table memories_memory disable row level security",
    "alter table memories_memory no force row level security",
    "drop policy own on memories_memory",
    "create policy mine on memories_memory using (true)",
    "truncate memories_memory",
    "drop table memories_memory",
    "alter table memories_auditevent disable trigger all",
    "create or replace function picard_is_system() returns boolean language sql as 'select true'",
    "create table public.mine (id int)",
    "set role picard",
    "copy memories_tag to program 'id'",
)


@pytest.mark.parametrize("role", [Role.WEB, Role.SYSTEM])
@pytest.mark.parametrize("statement", FORBIDDEN)
def test_no_role_of_the_server_can_remove_the_protection(role: Role, statement: str, shared_db: None) -> None:
    with (
        connecting(role) as raw,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject)),
    ):
        raw.execute(statement)


@pytest.mark.plain(reason="Citus refuses the function that it calls")
def test_the_web_role_cannot_act_as_the_system(shared_db: None) -> None:
    remember(make_person("ada"), "one")
    statement = "begin; set local picard.system = 'on'; select count(*) from memories_memory"
    for role, count in ((Role.WEB, 0), (Role.SYSTEM, 1), (Role.OWNER, 1)):
        with connecting(role) as raw:
            cursor = raw.execute(statement)
            while cursor.nextset():
                pass
            assert cursor.fetchone() == (count,)


def test_a_temporary_table_cannot_name_the_web_role_a_system_role(shared_db: None) -> None:
    remember(make_person("ada"), "one")
    for kind in ("table", "view"):
        with connecting(Role.WEB) as raw:
            raw.execute(
                f"create temporary {kind} pg_roles as select '{ROLES[Role.OWNER]}'::name as rolname,"
                " (select oid from pg_catalog.pg_roles where rolname = current_user) as oid"
            )
            raw.execute("set picard.system = 'on'")
            assert raw.execute("select picard_is_system()").fetchone() == (False,)
            assert raw.execute("select count(*) from memories_memory").fetchone() == (0,)


def test_no_role_bypasses_row_security(shared_db: None) -> None:
    with connecting(Role.OWNER) as raw:
        rows = raw.execute(
            "select rolname from pg_roles where rolname = any(%s) and not rolsuper and not rolbypassrls"
            " and not rolcreaterole and not rolreplication",
            [list(ROLES.values())],
        ).fetchall()
    assert {name for (name,) in rows} == set(ROLES.values())


def test_the_audit_log_cannot_be_changed_by_the_web_role(shared_db: None) -> None:
    for statement in ("update memories_auditevent set door = 'mcp'", "delete from memories_auditevent"):
        with connecting(Role.WEB) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(statement)


@pytest.mark.django_db
def test_visible_memories_do_not_change(ada: User, bobs: Memory) -> None:
    remember(ada, "Ada plays the viola.")
    for actor in (session(ada), app(ada)):
        with acting_as(Principal(ada.pk)):
            assert [row.text for row in reads.list_memories(actor).memories] == ["Ada plays the viola."]
    assert not MemoryVector.objects.visible_to(ANONYMOUS).exists()


@pytest.mark.django_db
@pytest.mark.plain(reason="acts as the owner in the test's transaction")
def test_with_one_role_nobody_still_reads_nothing(ada: User, bobs: Memory, settings: Settings) -> None:
    settings.DATABASE_LOGINS = dict.fromkeys(Role, settings.DATABASE_LOGINS[Role.OWNER])
    assert [warning.id for warning in check_database_roles()] == ["picard.W001"]
    with owning_tables():
        grants.grant_rights()
        assert Memory.objects.count() == 1  # the system
        for act, count in ((NOBODY, 0), (Principal(ada.pk), 0), (Principal(bobs.owner_id), 1)):
            with acting_as(act):
                assert Memory.objects.count() == count


def test_separate_roles_need_no_warning(settings: Settings) -> None:
    assert check_database_roles() == []
    # A web server does not know the owner of the tables.
    settings.DATABASE_LOGINS = {**settings.DATABASE_LOGINS, Role.OWNER: settings.DATABASE_LOGINS[Role.WEB]}
    assert check_database_roles() == []


def test_commands_are_the_operators_and_everything_else_serves_requests() -> None:
    for arguments in (["/srv/manage.py", "worker"], ["manage.py", "doctor"], ["manage.py"]):
        assert choose_role(arguments) == Role.SYSTEM
    for arguments in (["manage.py", "runserver"], ["/bin/gunicorn", "picard.asgi"], ["-c"], []):
        assert choose_role(arguments) == Role.WEB


@pytest.mark.django_db
@pytest.mark.plain(reason="acts as the owner in the test's transaction")
def test_migrations_see_all_rows_of_a_database_from_another_server(
    bobs: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restored database trusts the roles of the server that it came from."""
    seen: list[Any] = []
    monkeypatch.setattr(migrate, "acting_as_system", lambda _role: acting_as(SYSTEM))
    monkeypatch.setattr(
        DjangoMigrate, "handle", lambda *_, **__: seen.extend(fetch("select count(*) from memories_memory"))
    )
    with owning_tables():
        grants.run_statements([build_system_function(["owner_elsewhere"])])
        assert fetch("select count(*) from memories_memory") == [(0,)]
        migrate.Command().handle(plan=False, check_unapplied=False, database="default")
    assert seen == [(1,)]
