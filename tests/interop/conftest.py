"""The really running product, for programs of others."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from tests.processes import serving


@pytest.fixture(scope="module")
def _running(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with serving(CLIENT_DOCUMENTS="true") as address:
        yield address
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)  # what a server makes for itself, too


@pytest.fixture
def site(_running: str, shared_db: None) -> str:
    """The address of a running Picard on this process's database; nobody is there yet."""
    return _running
