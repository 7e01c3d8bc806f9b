"""The running product, for third-party programs."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from core.db.roles import Role, connected_as
from tests.processes import serving


@pytest.fixture(scope="module")
def _running(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with serving(CLIENT_DOCUMENTS="true") as url:
        yield url
    with django_db_blocker.unblock(), connected_as(Role.OWNER):
        call_command("flush", verbosity=0, interactive=False)  # with the rows that the server creates itself


@pytest.fixture
def site(_running: str, shared_db: None) -> str:
    """The URL of a running Picard on the database of this process, without users."""
    return _running
