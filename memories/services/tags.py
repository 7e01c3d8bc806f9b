"""A user's tags, looked up by a keyed hash because their names are encrypted."""

import hashlib
import hmac
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.expressions import RawSQL

from accounts.actor import Actor
from accounts.fields import DecryptError
from accounts.keys import get_person_key
from accounts.models import User
from core.db.locks import OwnerLock, lock_owner
from core.db.prepared import fetch_prepared
from memories import scopes
from memories.fields import build_stored_row, get_sealed_bytes
from memories.index.tag_words import store_tag_words
from memories.models import Memory, MemoryTag, Tag
from memories.models.compiled import compile_visible
from memories.models.visibility import NO_FILTERS
from memories.validation import quota
from memories.validation.limits import fold_tag_name

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    TaggedMemory: TypeAlias = WithAnnotations[Memory, "TagsAnnotation"]

TagsOfRows: TypeAlias = dict[tuple[UUID, bytes], Tag]  # by owner, and id with encrypted name

logger = logging.getLogger(__name__)


def hash_tag_name(owner_id: UUID, name: str) -> bytes:
    return hmac.digest(get_person_key(owner_id).tag_hash_key, fold_tag_name(name).encode(), hashlib.sha256)


# Existing tags are locked (shared), so that the retention job does not delete them while they are being added to a
# memory.
FIND_TAGS = """
select id, name, name_hash from memories_tag where owner_id = %s and name_hash = any(%s::bytea[]) for key share
"""
# Creating a user's tags takes an exclusive lock until the end of the transaction, so that two transactions cannot
# deadlock, whatever the order of their names. What another one created meanwhile is returned: the update changes
# nothing, and must not touch a key column, which would wait for the shared locks.
CREATE_TAGS = """
insert into memories_tag (id, owner_id, name, name_hash) values {rows}
on conflict (owner_id, name_hash) do update set name = memories_tag.name returning id, name, name_hash
"""


def ensure_tags(owner_id: UUID, names: Iterable[str]) -> dict[str, Tag]:
    """Return the user's tags of these (clean) names by folded name, creating missing ones. Needs a transaction.

    Raises QuotaExceeded (tags) beyond TAGS_PER_PERSON.
    """
    hashes = {hash_tag_name(owner_id, name): name for name in names}
    if not hashes:
        return {}
    found = fetch_prepared(FIND_TAGS, [owner_id, list(hashes)])
    if missing := hashes.keys() - {bytes(key) for _pk, _name, key in found}:
        found += _create_tags(owner_id, {key: name for key, name in hashes.items() if key in missing})
    columns = ("id", "owner_id", "name", "name_hash")
    return {
        fold_tag_name(hashes[bytes(key)]): build_stored_row(Tag, columns, (pk, owner_id, name, key))
        for pk, name, key in found
    }


def _create_tags(owner_id: UUID, missing: Mapping[bytes, str]) -> list[tuple[Any, ...]]:
    lock_owner(OwnerLock.TAGS, owner_id)
    limit: int = settings.TAGS_PER_PERSON
    if limit and Tag.objects.filter(owner_id=owner_id).count() + len(missing) > limit:
        raise quota.build_tag_error()
    fresh = [Tag(owner_id=owner_id, name=name, name_hash=key) for key, name in missing.items()]
    params: list[Any] = [
        value for tag in fresh for value in (tag.pk, owner_id, get_sealed_bytes(tag, "name"), tag.name_hash)
    ]
    with connection.cursor() as cursor:
        rows = ", ".join(["(%s, %s, %s, %s)"] * len(fresh))
        cursor.execute(CREATE_TAGS.replace("{rows}", rows), params)
        return list(cursor.fetchall())


def find_tags(owner_id: UUID, names: Iterable[str]) -> list[Tag]:
    """Return the user's existing tags among these names."""
    hashes = [hash_tag_name(owner_id, name) for name in names]
    return list(Tag.objects.filter(owner_id=owner_id, name_hash__in=hashes))


# The tags of each memory, each as the 16 bytes of its id and its encrypted name: one column is faster than two.
# The parameter is the owner: from the memory's column alone, no shard would be known in a list of columns.
TAGS_SUBQUERY = """array(
  select uuid_send(tag.id) || tag.name from memories_tag tag
  join memories_memorytag tagged on tagged.tag_id = tag.id and tagged.owner_id = tag.owner_id
  where tagged.owner_id = %s and tagged.memory_id = memories_memory.id
)"""


class TagsAnnotation(TypedDict):
    """The annotation of a memory selected with its tags."""

    packed_tags: list[bytes]


def with_tags(memories: QuerySet[Memory], owner_id: UUID) -> "QuerySet[TaggedMemory]":
    """Select memories of one owner with their tags in one statement; then call `attach_prefetched_tags`."""
    packed = RawSQL(TAGS_SUBQUERY, (owner_id,))  # noqa: S611 - a constant # nosec B611
    return memories.annotate(packed_tags=packed)


def attach_prefetched_tags(actor: Actor, memories: "Collection[TaggedMemory]") -> None:
    """Prefetch `tags` of memories selected by `with_tags`, as the actor may see them."""
    known: TagsOfRows = {}
    for memory in memories:
        set_tags_from_row(memory, memory.packed_tags, known)
    redact_tags(actor, memories)


def set_tags_from_row(memory: Memory, packed_tags: Iterable[bytes], known: TagsOfRows | None = None) -> None:
    """Prefetch the memory's `tags` from the result of TAGS_SUBQUERY.

    known: the tags of other memories in the result, so that the name of each is decrypted once.
    """
    known = {} if known is None else known
    keys = [(memory.owner_id, bytes(packed)) for packed in packed_tags]
    for owner_id, packed in keys:
        if (owner_id, packed) not in known:
            values = (UUID(bytes=packed[:16]), owner_id, packed[16:])
            known[owner_id, packed] = build_stored_row(Tag, ("id", "owner_id", "name"), values)
    set_prefetched_tags(memory, [known[key] for key in keys])


def set_prefetched_tags(memory: Memory, tags: list[Tag]) -> None:
    """Set the memory's `tags` so that they need no query."""
    known = Tag.objects.all()
    known._result_cache = tags
    memory._prefetched_objects_cache = {"tags": known}  # type: ignore[attr-defined]


def get_tags(memory: Memory) -> Iterable[Tag]:
    """Return the tags of a memory; if prefetched, without creating a manager."""
    known: Mapping[str, QuerySet[Tag]] = getattr(memory, "_prefetched_objects_cache", {})
    if "tags" in known:
        return known["tags"]
    return Tag.objects.filter(owner_id=memory.owner_id, memories=memory)


def get_tag_names(memory: Memory) -> list[str]:
    """Return the names of the memory's tags, sorted, without any that cannot be decrypted."""
    return get_readable_names(get_tags(memory))


def get_readable_names(tags: Iterable[Tag]) -> list[str]:
    """Return the names of the tags, sorted, without any that cannot be decrypted."""
    return [tag.name for tag in sort_by_name(tags)]


def redact_tags(actor: Actor, memories: Iterable[Memory]) -> None:
    """Replace the tags that an app may not list by their folded form.

    Their spelling would reveal whether the user already had a tag like the one that the app named.
    """
    if actor.is_app and (actor.only_tags is not None or not actor.has_scope(scopes.READ)):
        allowed = actor.only_tags or frozenset()
        for memory in memories:
            set_prefetched_tags(
                memory,
                [tag if tag.pk in allowed else _fold_tag(tag) for tag in sort_by_name(get_tags(memory))],
            )


def _fold_tag(tag: Tag) -> Tag:
    return Tag(pk=tag.pk, owner_id=tag.owner_id, name=fold_tag_name(tag.name))


def build_memory_tags(tag: Tag, memory_ids: Collection[UUID]) -> list[MemoryTag]:
    """Return unsaved assignments of a tag to locked memories, whose next versions have it."""
    rows = Memory.objects.filter(owner_id=tag.owner_id, pk__in=memory_ids)
    return [
        MemoryTag(owner_id=tag.owner_id, memory_id=pk, tag=tag, since=version + 1)
        for pk, version in rows.values_list("pk", "version")
    ]


def replace_tags(memory: Memory, tags: Collection[Tag]) -> bool:
    """Replace the memory's tags; return whether anything changed."""
    wanted = {tag.pk for tag in tags}
    tagged = MemoryTag.objects.filter(owner_id=memory.owner_id, memory=memory)
    present = set(tagged.values_list("tag_id", flat=True))
    if wanted == present:
        return False
    dropped = list(Tag.objects.filter(owner_id=memory.owner_id, pk__in=present - wanted))
    tagged.filter(tag__in=dropped).delete()
    MemoryTag.objects.bulk_create(
        MemoryTag(owner_id=memory.owner_id, memory=memory, tag=tag, since=memory.version + 1)
        for tag in tags
        if tag.pk not in present
    )
    store_tag_words(memory.owner, [memory.pk], dropped=get_readable_names(dropped))
    return True


def tags_of_new(actor: Actor, named: Sequence[Sequence[str]]) -> list[list[Tag]]:
    """Return the tags for the user's new memories from their (clean) names. Needs a transaction."""
    by_folded = ensure_tags(actor.person.pk, {name: None for names in named for name in names})
    limited_to = _tags_limited_to(actor)
    resolved = ([*(by_folded[fold_tag_name(name)] for name in names), *limited_to] for names in named)
    return [list({tag.pk: tag for tag in tags}.values()) for tags in resolved]


def set_tags(actor: Actor, memory: Memory, names: Sequence[str]) -> bool:
    """Replace the memory's tags by those of these (clean) names; return whether anything changed."""
    tags = [*ensure_tags(memory.owner_id, names).values(), *_tags_limited_to(actor)]
    return replace_tags(memory, list({tag.pk: tag for tag in tags}.values()))


def _tags_limited_to(actor: Actor) -> list[Tag]:
    """Return the tags that everything written by a limited app gets, so that the app can see it."""
    if not actor.only_tags:
        return []
    return list(Tag.objects.filter(owner_id=actor.person.pk, pk__in=actor.only_tags))


def filter_used_tags(actor: Actor) -> QuerySet[MemoryTag]:
    """Return the assignments to memories outside the trash; for an app limited to tags, only of those tags."""
    used = MemoryTag.objects.filter(owner_id=actor.person.pk, memory__deleted_at__isnull=True)
    return used if actor.only_tags is None else used.filter(tag_id__in=actor.only_tags)


def rank_used_tags(actor: Actor) -> "QuerySet[MemoryTag, UUID]":
    """Return the ids of the tags on memories outside the trash, those on most memories first."""
    return _select_used_tags(actor, actor.person).values_list("tag_id", flat=True)


def _select_used_tags(actor: Actor, _owner: User, **_: object) -> "QuerySet[MemoryTag, tuple[UUID, int]]":
    counted = filter_used_tags(actor).values("tag_id").annotate(memories=Count("*"))
    return counted.order_by("-memories", "tag_id").values_list("tag_id", "memories")


NAME_TAGS = """
with ranked as ({ranked} offset %s limit %s)
select id, name, memories from ranked join memories_tag tag on tag.id = tag_id and tag.owner_id = %s
order by memories desc, id
"""


def count_used_tags(actor: Actor, *, after: int, limit: int) -> list[tuple[Tag, int]]:
    """Return a page of the tags of `rank_used_tags` with their numbers of memories. after: tags before it."""
    owner_id = actor.person.pk
    ranked = compile_visible(_select_used_tags, actor, actor.person, filters=NO_FILTERS)
    if ranked is None:  # an app that is limited to no tag
        return []
    rows = fetch_prepared(NAME_TAGS.replace("{ranked}", ranked.sql), [*ranked.params, after, limit, owner_id])
    return [
        (build_stored_row(Tag, ("id", "owner_id", "name"), (pk, owner_id, name)), count)
        for pk, name, count in rows
    ]


def load_tags(owner_id: UUID, ids: Iterable[UUID]) -> list[Tag]:
    """Return the user's tags with these ids, by name."""
    return sort_by_name(Tag.objects.filter(owner_id=owner_id, pk__in=list(ids)))


def sort_by_name(tags: Iterable[Tag]) -> list[Tag]:
    """Return the tags sorted by name, without any whose name cannot be decrypted."""
    return sorted((tag for tag in tags if _can_decrypt(tag)), key=lambda tag: fold_tag_name(tag.name))


def _can_decrypt(tag: Tag) -> bool:
    try:
        return isinstance(tag.name, str)
    except DecryptError:
        logger.error("cannot decrypt %s", tag)
        return False
