"""One statement names many owners on a plain PostgreSQL; tests/sharding has the other case."""

from uuid import UUID

import pytest

from core.db import distribution
from core.db.distribution import group_owners, is_sharded


@pytest.mark.django_db
def test_owners_share_a_statement_on_a_plain_database(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [UUID(int=number) for number in range(5)]
    assert not is_sharded()
    assert list(group_owners([*ids, ids[0]])) == [ids]
    monkeypatch.setattr(distribution, "OWNERS", 2)
    assert list(group_owners(ids)) == [ids[:2], ids[2:4], ids[4:]]
    assert list(group_owners([])) == []
