"""Fixtures of all tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker, Settings

from accounts import keys
from accounts.models import User
from memories.jobs import indexer
from memories.providers import chat
from memories.providers.embeddings import reset_provider
from picard.postgres.manager import EmbeddedPostgres
from tests.database import own_database
from tests.factories import forget_everybody, make_person
from tests.model_server import ModelServer

# Before anything imports them, so that their failed assertions show the compared values.
pytest.register_assert_rewrite(
    "tests.chaos.people",
    "tests.chaos.product",
    "tests.state_machine.machine",
    "tests.state_machine.apps_machine",
    "tests.state_machine.persona_machine",
)


def pytest_configure() -> None:
    # Argon2 takes a quarter of a second on purpose; tests/accounts/login/test_passwords.py looks at the product.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Pages name files by their collected names, and nothing is collected before `up` runs (tests/e2e do run it).
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    # Each of Django's test clients would look at every collected file anew.
    settings.STATIC_ROOT = settings.PICARD_HOME / "nothing-collected"


@pytest.hookimpl(trylast=True)  # after pytest-django has put its own order in
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser's tests last: Playwright leaves an event loop running in the thread, beside which no other can run.

    Files with slow tests first: one that began near the end would be waited for by the other process.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None, item.path not in slow))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The tests' own PostgreSQL ends with them, unless other tests use it."""
    if not hasattr(config, "workerinput"):  # not in the processes of pytest-xdist, which end before this one
        connections.close_all()
        EmbeddedPostgres(settings.PICARD_HOME / "postgres").stop_if_unused()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What a process remembers between requests must not outlive the rows of one test."""
    yield
    keys.clear_key_cache()
    reset_provider()
    chat.reset_model()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Instead of pytest-django's own, which migrates in each process, and makes no database for `shared_db`."""
    with ExitStack() as stack:
        with django_db_blocker.unblock():
            stack.enter_context(own_database())
        yield
        with django_db_blocker.unblock():
            stack.close()


@pytest.fixture
def shared_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of servers that run on from test to test: what is written they see, and it is not emptied under
    them. Everybody who came goes with the test."""
    with django_db_blocker.unblock():
        yield
        forget_everybody()


@pytest.fixture
def ada(db: None) -> User:
    return make_person("ada")


@pytest.fixture
def bob(db: None) -> User:
    return make_person("bob")


@pytest.fixture
def carol(db: None) -> User:
    return make_person("carol", is_staff=True)


@pytest.fixture
def ada_client(ada: User) -> Client:
    return _signed_in(ada)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return _signed_in(bob)


@pytest.fixture
def carol_client(carol: User) -> Client:
    return _signed_in(carol)


@pytest.fixture
def index(db: None) -> Callable[[], int]:
    """Run the worker's work until nothing is due; returns how many memories it took."""

    def work() -> int:
        total = 0
        while count := indexer.process_batch(worker=0):
            total += count
        return total

    return work


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(scope="session")
def _model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model(_model_server: ModelServer, settings: Settings) -> Iterator[ModelServer]:
    """A chat model on this machine: configured, well, and asked nothing yet."""
    _model_server.forget()
    chat.reset_model()
    settings.CHAT = _model_server.chat
    yield _model_server
    _model_server.forget()
    chat.reset_model()
