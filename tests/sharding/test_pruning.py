"""Every statement reads one shard, by its plan on tables that are partitioned by owner (docs/scaling.md)."""

import ast
import logging
import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from accounts.ids import new_id
from accounts.models import User
from core.db.distribution import group_owners
from core.db.prepared import fetch_prepared
from memories.jobs import indexer
from memories.models import Memory
from picard.config.paths import PROJECT
from tests.factories import make_person
from tests.records.world import plant_canaries, rolled_back
from tests.sharding.acts import ACTS_OF_PEOPLE, ACTS_ON_ALL, Act
from tests.sharding.partitions import OWNED, TABLES, partitioned_database
from tests.sharding.scattered import SCATTERED
from tests.sharding.statements import CODE, Watch, watch_statements

STATEMENT_SOURCE = re.compile(
    rf"\b(?:{'|'.join(model.__name__ for model in OWNED)})\.(?:objects|_default_manager)\b"
)
# An operator's command that rewrites the tables themselves, and the sample data of an empty server.
UNREACHED = {"memories/index/dimensions.py", "picard/demo/seed.py"}


@pytest.fixture(scope="module", autouse=True)
def _partitioned(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), partitioned_database():
        yield


@pytest.fixture(scope="module")
def watched(_partitioned: None, django_db_blocker: DjangoDbBlocker) -> dict[Act, Watch]:
    """What each act sent. All are of the same world, and rolled back."""
    watches: dict[Act, Watch] = {}
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, rolled_back():
        patch.setattr(settings, "API_REQUESTS_PER_MINUTE", 10_000_000)
        logging.disable(logging.ERROR)
        world = plant_canaries(index_all)
        for act in (*ACTS_OF_PEOPLE, *ACTS_ON_ALL):
            with rolled_back(), watch_statements() as watches[act]:
                act(world)
        logging.disable(logging.NOTSET)
    return watches


def index_all() -> int:
    return sum(iter(lambda: indexer.process_batch(worker=0), 0))


@pytest.mark.parametrize("act", ACTS_OF_PEOPLE, ids=lambda act: act.__name__)
def test_what_people_do_reads_one_partition(watched: dict[Act, Watch], act: Act) -> None:
    assert len(watched[act].statements) > 5
    assert sorted(map(str, watched[act].strays)) == []


def test_only_the_listed_statements_ask_all(watched: dict[Act, Watch]) -> None:
    strays = {stray.place: str(stray) for act in ACTS_ON_ALL for stray in watched[act].strays}
    assert [stray for place, stray in strays.items() if place not in SCATTERED] == []
    assert set(SCATTERED) - set(strays) == set()


def test_every_module_with_statements_is_reached(watched: dict[Act, Watch]) -> None:
    reached = {module for watch in watched.values() for module in watch.modules}
    assert "\n".join(sorted(find_sources() - reached - UNREACHED)) == ""


def find_sources() -> set[str]:
    """Return the modules that have a queryset of owned rows or SQL with the name of their table."""
    paths = (path for package in CODE for path in (PROJECT / package).rglob("*.py"))
    found = {path for path in paths if "migrations" not in path.parts and "commands" not in path.parts}
    return {str(path.relative_to(PROJECT)) for path in found if _is_source(path.read_text(encoding="utf-8"))}


def _is_source(text: str) -> bool:
    if STATEMENT_SOURCE.search(text):
        return True
    if not any(table in text for table in TABLES):
        return False
    strings = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return any(
        re.search(rf"(?:from|join|update|into)\s+(?:{'|'.join(TABLES)})\b", str(each)) for each in strings
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "read",
    [
        lambda pk: Memory.objects.filter(pk=pk).first(),
        lambda pk: list(Memory.objects.filter(pk=pk).iterator(chunk_size=1)),
        lambda pk: Memory.objects.filter(pk=pk).update(version=2),
        lambda pk: Memory.objects.filter(pk=pk).delete(),
        lambda pk: fetch_prepared("select 1 from memories_memory where id = %s", [pk]),
        lambda pk: fetch_prepared("select 1 from memories_memory where id = %(pk)s", {"pk": pk}),
        lambda pk: connection.cursor().execute(
            "declare x cursor for select 1 from memories_tag where id = %s", [pk]
        ),
    ],
    ids=["get", "named cursor", "update", "delete", "prepared", "by name", "declared"],
)
def test_statements_without_an_owner_are_detected(read: Callable[[object], object]) -> None:
    with watch_statements() as watch:
        read(new_id())
    assert len(watch.strays) == 1


@pytest.mark.django_db
def test_each_owner_has_a_statement_where_tables_are_in_shards() -> None:
    one, other = new_id(), new_id()
    assert list(group_owners([one, other, one])) == [[one], [other]]


@pytest.mark.django_db
def test_a_statement_with_an_owner_reads_one_partition(ada: User) -> None:
    with watch_statements() as watch:
        list(Memory.objects.filter(owner=ada))
        list(Memory.objects.filter(owner_id__in=[ada.pk, *(make_person(f"p{n}").pk for n in range(20))]))
    assert len(watch.statements) == 2
    assert len(watch.strays) == 1
