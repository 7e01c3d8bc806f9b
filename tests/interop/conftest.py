"""The really running product, for programs of others."""

from collections.abc import Iterator

import pytest

from tests.processes import serving


@pytest.fixture
def site(transactional_db: None) -> Iterator[str]:
    """The address of a running Picard on this test's database."""
    with serving(CLIENT_DOCUMENTS="true") as address:
        yield address
