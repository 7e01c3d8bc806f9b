"""A read replica: it answers searches, takes no writes, and becomes the primary when it is asked to."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from picard.postgres import installation as files
from picard.postgres.manager import APP_DATABASE, PORT, EmbeddedPostgres
from picard.postgres.server import SUPERUSER
from tests.chaos.product import Product, migrated_product
from tests.chaos.report import record
from tests.processes import wait_until

pytestmark = pytest.mark.slow

REMEMBER = """
import django; django.setup()
from tests.factories import make_person, remember
from memories.jobs import indexer
remember(make_person("ada"), "The walrus sleeps on the ice.")
while indexer.process_batch(worker=0): pass
"""
# What a search writes down (the audit) goes to the primary (docs/scaling.md).
SEARCH = """
import django; django.setup()
from accounts.models import User
from memories.search import query
from memories.services import audit
from tests.factories import session
audit.record_read = lambda *_, **__: None
result = query.search_memories(session(User.objects.get()), "walrus")
print([(hit.memory.text, hit.cosine is not None) for hit in result.hits], result.degraded)
"""
PRINT_KEYS = """
import json; from django.conf import settings
print(json.dumps([settings.SECRET_KEY, settings.FIELD_ENCRYPTION_KEY]))
"""
FOUND = "[('The walrus sleeps on the ice.', True)] False\n"
WRITE = """
import django; django.setup()
from accounts.models import User
from tests.factories import remember
remember(User.objects.get(), "Written after the change of places.")
"""


@pytest.fixture
def primary() -> Iterator[Product]:
    """A migrated database with one memory; no server of pages."""
    with migrated_product(DJANGO_SETTINGS_MODULE="picard.settings") as product:
        product.run("-c", REMEMBER)
        yield product
        EmbeddedPostgres(product.home / "postgres").stop()


def test_a_standby_searches_follows_and_takes_over(primary: Product) -> None:
    with standby(primary) as (address, ask, promote):
        on_it = {"DATABASE_URL": address, "PUBLIC_URL": "http://127.0.0.1:8000", **keys_of(primary)}
        assert primary.run("-c", SEARCH, **on_it) == FOUND
        primary.query("create table followed as select 7 as number")
        wait_until(lambda: ask("select to_regclass('followed') is not null"))
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            ask("create table refused as select 1")
        EmbeddedPostgres(primary.home / "postgres").stop()
        promote()
        primary.run("-c", WRITE, **on_it)
        kept = ask("select count(*) from memories_memory")
    record("a replica takes over", tries=2, lost=2 - kept, what="memories lost")
    assert kept == 2


@contextmanager
def standby(primary: Product) -> Iterator[tuple[str, Callable[[str], Any], Callable[[], Any]]]:
    """Its address for DATABASE_URL, a way to ask it for one value, and one to make it the primary."""
    source = EmbeddedPostgres(primary.home / "postgres")
    with tempfile.TemporaryDirectory(prefix="picard-standby-") as folder:
        home = Path(folder)
        source.ensure_running()
        account = files.choose_account(source.home / "data")
        account.chown_path(home)
        binaries = files.prepare_installation(account, source.home) / "bin"
        conninfo = (
            f"host={source.socket_folder} port={PORT} user={SUPERUSER} password={source.password(SUPERUSER)}"
        )
        run(
            account,
            binaries / "pg_basebackup",
            "-D",
            home / "data",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "-d",
            conninfo,
        )
        control = (account, binaries / "pg_ctl", "-D", home / "data", "-w")
        options = f"-c unix_socket_directories={home} -c hot_standby=on"
        run(*control, "-l", home / "log", "-o", options, "start")
        app = {"user": "picard", "password": source.password(), "dbname": APP_DATABASE}

        def ask(statement: str) -> Any:
            with psycopg.connect(host=str(home), port=PORT, **app) as connection:  # type: ignore[arg-type]
                cursor = connection.execute(statement.encode())
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None

        try:
            address = f"postgresql://picard:{source.password()}@/{APP_DATABASE}?host={home}&port={PORT}"
            yield address, ask, lambda: run(*control, "promote")
        finally:
            run(*control, "-m", "immediate", "stop")


def run(account: files.Account, *command: str | Path) -> None:
    answer = account.run(*command)
    assert answer.exit_code == 0, answer.text


def keys_of(product: Product) -> dict[str, str]:
    """What only a server with the embedded database reads from its own files."""
    secret, keys = json.loads(product.run("-c", PRINT_KEYS))
    return {"SECRET_KEY": secret, "FIELD_ENCRYPTION_KEY": ",".join(keys)}
