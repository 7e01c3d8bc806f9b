"""Creation of tags on a distributed database (docs/scaling.md)."""

from collections.abc import Sequence
from typing import Any

from core.db.locks import OwnerLock, lock_owner
from core.db.prepared import fetch_prepared
from memories.fields import get_sealed_bytes
from memories.models import Tag

FIND_TAGS = """
select id, name, name_hash from memories_tag
where owner_id = %(owner)s and name_hash = any(%(hashes)b::bytea[]) for key share
"""


def ensure_on_node(params: dict[str, Any], fresh: Sequence[Tag]) -> list[tuple[Any, ...]]:
    """Do as tags.ENSURE_TAGS, in several statements: Citus would ask all nodes for one that inserts what it misses."""
    found = fetch_prepared(FIND_TAGS, params)
    if len(found) == len(fresh):
        return found
    lock_owner(OwnerLock.TAGS, params["owner"])
    found = fetch_prepared(FIND_TAGS, params)
    known, stored = {bytes(key) for _, _, key in found}, Tag.objects.filter(owner_id=params["owner"])
    missing = [tag for tag in fresh if tag.name_hash not in known]
    if not params["limit"] or len(missing) + stored.count() <= params["limit"]:
        found += [
            (tag.pk, get_sealed_bytes(tag, "name"), tag.name_hash) for tag in stored.bulk_create(missing)
        ]
    return found
