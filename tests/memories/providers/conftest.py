from collections.abc import Iterator

import pytest

from memories.providers.embeddings import reset_provider


@pytest.fixture
def _fresh_provider() -> Iterator[None]:
    reset_provider()
    yield
    reset_provider()
