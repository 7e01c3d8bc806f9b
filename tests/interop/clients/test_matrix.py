"""Stock clients of others connect with the address alone, search and write with one consent, and stay connected.

The short form runs the small ones at one address. `make interop` runs the long form: all clients, both addresses,
expired tokens, revoked access and client documents. It writes docs/clients.md.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.factories import delete_all_users
from tests.interop.clients import report, steps
from tests.interop.clients.document import hosted_document
from tests.interop.clients.programs import CLIENTS, Client
from tests.interop.clients.steps import Run, run_client
from tests.processes import serving

pytestmark = pytest.mark.slow

IS_LONG = os.environ.get("PICARD_INTEROP") == "long"
ADDRESSES = ["127.0.0.1", "localhost"] if IS_LONG else ["localhost"]
CHOSEN = [client for client in CLIENTS if IS_LONG or not client.is_large]
AT_ONCE = 4 if IS_LONG else 3  # in the long form, they mostly wait
TOKEN_S = 30  # lifetime of the access tokens in the long form
SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.interop.clients.settings", "MATRIX_TOKEN_S": str(TOKEN_S)}

Runs = dict[tuple[str, str], Future[Run]]


@pytest.fixture(scope="module")
def finished() -> Iterator[list[Run]]:
    """The runs that have ended. In the long form they become docs/clients.md."""
    runs: list[Run] = []
    yield runs
    if IS_LONG and len(runs) > len(CLIENTS) * len(ADDRESSES):
        report.write(runs)


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of the servers. All users are deleted at the end."""
    with django_db_blocker.unblock():
        yield
        delete_all_users()


@pytest.fixture(autouse=True)
def _clear_rate_limits(database: None) -> None:
    """Many clients share this machine's address."""
    with connection.cursor() as cursor:
        cursor.execute("delete from accounts_rate_limit")


@pytest.fixture(scope="module")
def runs(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All clients at all addresses, some at once. Each has its own user and home."""
    folder = tmp_path_factory.mktemp("clients")
    with serving(**(SETTINGS if IS_LONG else {})) as site, ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (client.name, address): pool.submit(
                run_client,
                client,
                f"{site}/mcp".replace("127.0.0.1", address),
                folder / f"user-{number}-{address}",
                steps=steps.LONG if IS_LONG else steps.SHORT,
                token_s=TOKEN_S,
            )
            for address in ADDRESSES
            for number, client in enumerate(CHOSEN)
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("client", CHOSEN, ids=lambda client: client.name)
def test_client_searches_and_writes(client: Client, address: str, runs: Runs, finished: list[Run]) -> None:
    run = runs[client.name, address].result()
    finished.append(run)
    failures = run.failures
    assert not failures


@pytest.fixture(scope="module")
def document_site(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URLs of a Picard that fetches client documents, and of a document."""
    with hosted_document(tmp_path_factory.mktemp("document")) as (document, certificate):
        variables = {"CLIENT_DOCUMENTS": "true", "SSL_CERT_FILE": str(certificate)}
        with serving(**SETTINGS, **variables) as site:
            yield site, document


@pytest.mark.skipif(not IS_LONG, reason="only `make interop`")
@pytest.mark.parametrize(
    "client", [client for client in CLIENTS if client.takes_document], ids=lambda client: client.name
)
def test_client_with_a_document_connects(
    client: Client, document_site: tuple[str, str], finished: list[Run], tmp_path: Path
) -> None:
    site, document = document_site
    folder = tmp_path / f"user-{CLIENTS.index(client)}"
    run = run_client(client, f"{site}/mcp", folder, steps=steps.DOCUMENT, document=document)
    finished.append(run)
    failures = run.failures
    assert not failures
