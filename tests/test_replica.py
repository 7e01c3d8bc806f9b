"""A read replica: it answers searches, rejects writes, and can be promoted to primary."""

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
from core.db.roles import act_as_operator; act_as_operator()
from tests.factories import make_person, remember
from memories.jobs import indexer
remember(make_person("ada"), "The walrus sleeps on the ice.")
while indexer.process_batch(worker=0): pass
"""
# The audit event of a search is written on the primary (docs/scaling.md).
SEARCH = """
import django; django.setup()
from core.db.roles import act_as_operator; act_as_operator()
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
from core.db.roles import act_as_operator; act_as_operator()
from accounts.models import User
from tests.factories import remember
remember(User.objects.get(), "Written after the promotion.")
"""


@pytest.fixture
def primary() -> Iterator[Product]:
    """A migrated database with one memory, and no web server."""
    with migrated_product(DJANGO_SETTINGS_MODULE="picard.settings") as product:
        product.run("-c", REMEMBER)
        yield product
        EmbeddedPostgres(product.home / "postgres").stop()


def test_standby_searches_follows_and_takes_over(primary: Product) -> None:
    with run_standby(primary) as (address, query_value, promote):
        variables = {"DATABASE_URL": address, "PUBLIC_URL": "http://127.0.0.1:8000", **read_keys(primary)}
        assert primary.run("-c", SEARCH, **variables) == FOUND
        primary.query("create table followed as select 7 as number")
        wait_until(lambda: query_value("select to_regclass('followed') is not null"))
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            query_value("create table refused as select 1")
        EmbeddedPostgres(primary.home / "postgres").stop()
        promote()
        primary.run("-c", WRITE, **variables)
        count = query_value("select count(*) from memories_memory")
    record("a replica takes over", tries=2, lost=2 - count, what="memories lost")
    assert count == 2


@contextmanager
def run_standby(primary: Product) -> Iterator[tuple[str, Callable[[str], Any], Callable[[], Any]]]:
    """Yield the standby's DATABASE_URL, a function that queries one value, and one that promotes it."""
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
        run_as(
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
        run_as(*control, "-l", home / "log", "-o", options, "start")
        app = {"user": "picard", "password": source.password(), "dbname": APP_DATABASE}
        app["options"] = "-c picard.system=on"

        def query_value(statement: str) -> Any:
            with psycopg.connect(host=str(home), port=PORT, **app) as connection:  # type: ignore[arg-type]
                cursor = connection.execute(statement.encode())
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None

        try:
            address = f"postgresql://picard:{source.password()}@/{APP_DATABASE}?host={home}&port={PORT}"
            yield address, query_value, lambda: run_as(*control, "promote")
        finally:
            run_as(*control, "-m", "immediate", "stop")


def run_as(account: files.Account, *command: str | Path) -> None:
    answer = account.run(*command)
    assert answer.exit_code == 0, answer.text


def read_keys(product: Product) -> dict[str, str]:
    """Return the keys that only a server with the embedded database reads from its home."""
    secret, keys = json.loads(product.run("-c", PRINT_KEYS))
    return {"SECRET_KEY": secret, "FIELD_ENCRYPTION_KEY": ",".join(keys)}
