"""Tables can be sharded by owner: the sharding rules of docs/scaling.md. tests/sharding has that of statements."""

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, cast
from uuid import UUID

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from accounts.ids import new_id
from accounts.models import User
from memories.models import Memory
from memories.owned import Owned, OwnedKey
from picard.config.paths import PROJECT
from tests.factories import remember
from tests.sharding.partitions import INNER_KEYS

OWNED = [
    model
    for model in apps.get_app_config("memories").get_models()
    if model.__name__ not in ("EmbeddingSpace", "AuditSum")
]
TABLES = [model._meta.db_table for model in OWNED]
NAMES = [model.__name__ for model in OWNED]
WITH_PUBLIC_ID = [model for model in OWNED if not isinstance(model._meta.pk, models.CompositePrimaryKey)]
OWNER_CONDITION = re.compile(r"owner_id\"?\s*(?:=|IN \()", re.IGNORECASE)
# A part of an f-string that continues an UPDATE is followed by its placeholder, which no setting has.
SETTING = re.compile(
    r"\s*set\s+(?!local\b)(?:session\s+)?[a-z_.]+\s*(?:=(?! %s)|to\b)|.*set_config\((?![^)]*, true\))",
    re.DOTALL,
)
# It names any setting, for the transaction.
ALLOWED_SETTINGS = {
    ("core/db/cursors.py", "set_config('"),
    ("picard/database/distribution.py", " set citus.propagate_set_commands = 'local'"),  # of the database
}
# Set for a session, or sent with each transaction behind a pooler (core/db/session_settings.py).
OF_SESSION = {"plan_cache_mode", "statement_timeout", "max_parallel_workers_per_gather"}


@pytest.mark.parametrize("model", [User, *WITH_PUBLIC_ID], ids=lambda model: model.__name__)
def test_ids_are_uuid7_generated_before_the_row(model: Any) -> None:
    assert isinstance(model._meta.pk, models.UUIDField)
    assert model._meta.pk.default is new_id
    assert UUID(str(model().pk)).version == 7


def test_ids_are_in_chronological_order() -> None:
    assert all(one < other for one, other in pairwise(new_id() for _ in range(10_000)))


@pytest.mark.parametrize("model", OWNED, ids=NAMES)
def test_owned_tables_have_an_owner_column(model: Any) -> None:
    owner = model._meta.get_field("owner")
    assert (owner.column, owner.null, owner.related_model) == ("owner_id", False, User)
    assert issubclass(model, Owned)


@pytest.mark.parametrize("model", OWNED, ids=NAMES)
def test_unique_constraints_start_with_the_owner(model: Any) -> None:
    unique = [each for each in model._meta.constraints if isinstance(each, models.UniqueConstraint)]
    assert [each.name for each in unique if each.fields[:1] != ("owner",)] == []
    assert [
        field.name for field in model._meta.concrete_fields if field.unique and not field.primary_key
    ] == []


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_unique_indexes_start_with_the_owner(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
            " where i.indrelid = %s::regclass and i.indisunique and not i.indisprimary",
            [table],
        )
        assert {column for (column,) in cursor.fetchall()} <= {"owner_id"}


@pytest.mark.parametrize(("model", "key"), INNER_KEYS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_keys_between_owned_tables_also_compare_the_owners(model: Any, key: Any) -> None:
    assert isinstance(key, OwnedKey)
    joined = str(
        model.objects.filter(**{f"{key.name}__id__isnull": False, f"{key.name}__owner__gt": new_id()}).query
    )
    [condition] = re.findall(r"INNER JOIN .*? ON \((.*?)\) WHERE", joined)
    assert condition.count('"owner_id"') == 2


@pytest.mark.django_db
@pytest.mark.plain(reason="keys contain the owner on a cluster")
def test_the_database_cascades_between_owned_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select conrelid::regclass::text, attname, confdeltype::text, convalidated from pg_constraint"
            " join pg_attribute on attrelid = conrelid and attnum = conkey[1]"
            " where contype = 'f' and conrelid::regclass::text = any(%s) and confrelid::regclass::text = any(%s)",
            [TABLES, TABLES],
        )
        found = {(table, column): (action, valid) for table, column, action, valid in cursor.fetchall()}
    assert found == {
        (model._meta.db_table, key.column): ("n" if key.null and model is Memory else "c", True)
        for model, key in INNER_KEYS
    }


@pytest.mark.django_db
def test_a_tag_of_another_owner_is_not_joined(ada: User, bob: User) -> None:
    memory, other = remember(ada, "The walrus."), remember(bob, "The seal.", tags=["sea"])
    with connection.cursor() as cursor:  # no constraint of a plain PostgreSQL forbids it
        cursor.execute(
            "insert into memories_memorytag (memory_id, tag_id, owner_id) values (%s, %s, %s)",
            [memory.pk, other.tags.get().pk, ada.pk],
        )
    assert not Memory.objects.get(pk=memory.pk).tags.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("make", [
    lambda ada: remember(ada, "The walrus."),
    lambda ada: remember(ada, "The walrus.", tags=["sea"]).tags.get(),
])  # fmt: skip
def test_saving_a_row_does_not_update_its_owner(ada: User, make: Callable[[User], Any]) -> None:
    row = make(ada)
    with CaptureQueriesContext(connection) as captured:
        row.save()
    [update] = [query["sql"] for query in captured if query["sql"].startswith("UPDATE")]
    assert "owner_id" not in update.partition("WHERE")[0]
    assert OWNER_CONDITION.search(update.partition("WHERE")[2])


@pytest.mark.django_db
@pytest.mark.plain(reason="an id is unique per owner on a cluster")
def test_row_cannot_be_moved_to_another_owner(ada: User, bob: User) -> None:
    memory = remember(ada, "The walrus.")
    memory.owner = bob
    with pytest.raises(IntegrityError), transaction.atomic():
        memory.save()
    assert Memory.objects.get(pk=memory.pk).owner_id == ada.pk


def test_no_code_updates_an_owner() -> None:
    assert [
        f"{path}:{node.lineno}"
        for path, node in find_calls_of_update()
        for keyword in node.keywords
        if keyword.arg in ("owner", "owner_id")
    ] == []


def test_session_settings_are_local_to_the_transaction() -> None:
    statements = {(path, text) for path, text in find_strings() if SETTING.match(text)}
    assert statements == ALLOWED_SETTINGS


def test_settings_of_a_session_affect_no_results() -> None:
    calls = [
        node
        for _path, tree in parse_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "set_for_session"
    ]
    names = {ast.literal_eval(key) for call in calls for key in cast(ast.Dict, call.args[1]).keys if key}
    assert names == OF_SESSION


def parse_modules(containing: str = "") -> Iterator[tuple[str, ast.Module]]:
    for package in ("accounts", "core", "memories", "oauth", "picard"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            if containing in (text := path.read_text(encoding="utf-8")):
                yield str(path.relative_to(PROJECT)), ast.parse(text)


def find_calls_of_update() -> Iterator[tuple[str, ast.Call]]:
    for path, tree in parse_modules(containing="update"):
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        yield from (
            (path, call)
            for call in calls
            if isinstance(call.func, ast.Attribute) and call.func.attr == "update"
        )


def find_strings() -> Iterator[tuple[str, str]]:
    for path, tree in parse_modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value
