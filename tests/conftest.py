"""Fixtures of all tests."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker, Settings

from accounts import keys, work_budget
from accounts.models import User
from accounts.settings import build_login_settings
from memories.jobs import indexer
from memories.models.compiled import forget_shapes
from memories.providers import chat
from memories.providers.embeddings import reset_provider
from memories.validation import quota
from picard.postgres.manager import EmbeddedPostgres
from tests.citus import cluster
from tests.database import temporary_database, use_test_role
from tests.factories import delete_all_users, make_person
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
    gc.disable()  # until the tests are collected: everything that collection makes stays
    use_test_role()
    # Argon2 takes a quarter of a second by design; tests/accounts/login/test_passwords.py tests the real hasher.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Pages use the names of collected files, and only `up` collects them (tests/e2e run it).
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}
    # Otherwise each test client of Django would scan all collected files.
    settings.STATIC_ROOT = settings.PICARD_HOME / "empty-static"


def pytest_report_header() -> str:
    return cluster.describe()


@pytest.hookimpl(trylast=True)  # after pytest-django has sorted the tests
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright leaves an event loop running in the thread, where no other loop can run.

    Run files with slow tests first: if one started near the end, the other process would idle until it finished.
    """
    for item in items:
        if cluster.URL and item.get_closest_marker("plain"):
            item.add_marker(pytest.mark.skip(reason="not on a distributed database"))
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None, item.path not in slow))


def pytest_collection_finish() -> None:
    """Leave thousands of tests and modules out of every later garbage collection, which takes a tenth of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the PostgreSQL server of the tests, unless other tests use it."""
    if not hasattr(
        config, "workerinput"
    ):  # not in the workers of pytest-xdist, which exit before this process
        connections.close_all()
        EmbeddedPostgres(settings.PICARD_HOME / "postgres").stop_if_unused()


@pytest.fixture(autouse=True)
def _clear_process_caches() -> Iterator[None]:
    """Clear what a process caches between requests, so that it does not outlive the rows of one test."""
    yield
    forget_shapes()
    keys.clear_key_cache()
    work_budget.reset_budgets()
    quota.forget_counts()
    reset_provider()
    chat.reset_model()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Replace pytest-django's fixture, which migrates in each process and creates no database for `shared_db`."""
    with ExitStack() as stack:
        with django_db_blocker.unblock():
            stack.enter_context(temporary_database())
        yield
        with django_db_blocker.unblock():
            stack.close()


@pytest.fixture
def shared_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of servers that run across tests. They see committed rows, and no table is truncated.

    All users are deleted after the test.
    """
    with django_db_blocker.unblock():
        yield
        delete_all_users()


@pytest.fixture
def sends_mail(settings: Settings) -> None:
    """The settings of accounts with EMAIL_URL. E-mails are in `mail.outbox`."""
    settings.HAS_MAIL = True
    for name, value in build_login_settings(settings.PUBLIC_URL, has_mail=True).items():
        setattr(settings, name, value)


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
    return _log_in(ada)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return _log_in(bob)


@pytest.fixture
def carol_client(carol: User) -> Client:
    return _log_in(carol)


@pytest.fixture
def index(db: None) -> Callable[[], int]:
    """Return a function that indexes until nothing is due, and returns the number of memories indexed."""

    def index_all() -> int:
        total = 0
        while count := indexer.process_batch(worker=0):
            total += count
        return total

    return index_all


def _log_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(scope="session")
def _model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model(_model_server: ModelServer, settings: Settings) -> Iterator[ModelServer]:
    """A configured local chat model, in its initial state."""
    _model_server.reset()
    chat.reset_model()
    settings.CHAT = _model_server.chat
    yield _model_server
    _model_server.reset()
    chat.reset_model()
