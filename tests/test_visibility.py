"""Visibility of memories: the table of docs/architecture.md, for lists, search and single memories."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actor import ANONYMOUS, Actor
from accounts.models import User
from memories import scopes
from memories.errors import MemoryNotFound
from memories.models import Memory, MemoryVector, Tag
from memories.search import query as search_query
from memories.services import reads, writes
from memories.services.tags import get_tags, hash_tag_name, sort_by_name
from tests.factories import app, remember, session

pytestmark = pytest.mark.django_db


def owner_session(ada: User, bob: User) -> Actor:
    return session(ada)


def owner_app(ada: User, bob: User) -> Actor:
    return app(ada, scopes.READ)


def owner_app_without_read(ada: User, bob: User) -> Actor:
    return app(ada, scopes.WRITE)


def limited_app(ada: User, bob: User) -> Actor:
    remember(ada, "The tag exists.", tags=["work"])
    return app(
        ada, scopes.READ, only_tags=frozenset(Tag.objects.filter(owner=ada).values_list("pk", flat=True))
    )


def expired_app(ada: User, bob: User) -> Actor:
    return app(ada, scopes.READ, until=timezone.now() - timedelta(seconds=1))


def other_user(ada: User, bob: User) -> Actor:
    return session(bob)


def other_users_app(ada: User, bob: User) -> Actor:
    return app(bob, scopes.READ, scopes.PERSONA)


def other_users_app_without_persona(ada: User, bob: User) -> Actor:
    return app(bob, scopes.READ)


def anonymous(ada: User, bob: User) -> Actor:
    return ANONYMOUS


# actor: private · public, persona on · public, persona off · public, persona and public page on
EXPECTED = [
    (owner_session, True, True, True, True),
    (owner_app, True, True, True, True),
    (owner_app_without_read, False, False, False, False),
    (limited_app, False, False, False, False),
    (expired_app, False, False, False, False),
    (other_user, False, True, False, True),
    (other_users_app, False, True, False, True),
    (other_users_app_without_persona, False, False, False, False),
    (anonymous, False, False, False, True),
]
KINDS = ("private", "public, persona on", "public, persona off", "public, page on")
CASES = [
    pytest.param(make_actor, kind, expected, id=f"{make_actor.__name__}: {kind}")
    for make_actor, *row in EXPECTED
    for kind, expected in zip(KINDS, row, strict=True)
]


@pytest.mark.parametrize(("make_actor", "kind", "expected"), CASES)
def test_visibility_follows_the_table(
    ada: User, bob: User, make_actor: Callable[[User, User], Actor], kind: str, expected: bool
) -> None:
    memory = remember(ada, "The zebra canary.", visibility="private" if kind == "private" else "public")
    ada.persona_enabled = kind in ("public, persona on", "public, page on")
    ada.public_page_enabled = kind == "public, page on"
    ada.save()
    actor = make_actor(ada, bob)
    assert _is_visible(actor, memory, ada) is expected


@pytest.mark.parametrize(
    "make_actor", [row[0] for row in EXPECTED], ids=lambda make_actor: make_actor.__name__
)
@pytest.mark.parametrize("state", ["trashed", "expired"])
def test_trashed_and_expired_memories_are_visible_to_nobody(
    ada: User, bob: User, make_actor: Callable[[User, User], Actor], state: str
) -> None:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    memory = remember(ada, "The zebra canary.", visibility="public")
    _move_to_state(memory, state)
    actor = make_actor(ada, bob)
    assert not _is_visible(actor, memory, ada)


@pytest.mark.parametrize("state", ["trashed", "expired"])
def test_only_the_owners_session_lists_the_trash(ada: User, bob: User, state: str) -> None:
    memory = remember(ada, "The zebra canary.")
    _move_to_state(memory, state)
    assert [row.pk for row in reads.list_trash(session(ada)).memories] == [memory.pk]
    assert reads.list_trash(app(ada, *scopes.DESCRIPTIONS)).memories == []
    assert reads.list_trash(session(bob)).memories == []


def test_app_limited_to_a_tag_sees_only_its_memories(ada: User) -> None:
    with_tag = remember(ada, "The zebra canary at work.", tags=["work"])
    remember(ada, "The zebra canary at home.", tags=["home"])
    [work] = Tag.objects.filter(memories=with_tag)
    limited = app(ada, only_tags=frozenset({work.pk}))
    assert [row.pk for row in reads.list_memories(limited).memories] == [with_tag.pk]
    assert [hit.memory.pk for hit in search_query.search_memories(limited, "zebra").hits] == [with_tag.pk]
    assert [tag.name for tag in reads.list_tags(limited).tags] == ["work"]


def test_memories_of_a_limited_app_get_its_tags(ada: User) -> None:
    [work] = Tag.objects.filter(memories=remember(ada, "Anything", tags=["work"]))
    limited = app(ada, only_tags=frozenset({work.pk}))
    memory = writes.create_memory(limited, text="From the app")
    writes.update_memory(limited, memory.pk, tags=["other"])
    assert {tag.name for tag in reads.get_memory(limited, memory.pk).tags.all()} == {"work", "other"}


def test_closed_account_sees_and_shows_nothing(ada: User, bob: User) -> None:
    ada.persona_enabled, ada.is_active = True, False
    ada.save()
    memory = Memory.objects.create(owner=ada, text="The zebra canary.", visibility="public", source="web")
    assert not Memory.objects.visible_to(session(ada)).filter(pk=memory.pk).exists()
    assert not Memory.objects.visible_to(session(bob)).filter(pk=memory.pk).exists()


def test_forbidden_memory_looks_absent(ada: User, bob: User) -> None:
    private = remember(ada, "The zebra canary.")
    absent = replace(session(bob))
    for act in (reads.get_memory, reads.get_history, writes.trash_memory, writes.delete_memory):
        with pytest.raises(MemoryNotFound) as error:
            act(absent, private.pk)
        assert str(private.pk) not in str(error.value)


def _move_to_state(memory: Memory, state: str) -> None:
    past = timezone.now() - timedelta(hours=1)
    if state == "trashed":
        writes.trash_memory(session(memory.owner), memory.pk)
    else:
        Memory.objects.filter(pk=memory.pk).update(expires_at=past)
        MemoryVector.objects.filter(memory=memory).update(expires_at=past)


def _is_visible(actor: Actor, memory: Memory, owner: User) -> bool:
    """Return whether the actor sees the memory; all forms of the query must agree."""
    answers = {
        Memory.objects.visible_to(actor).filter(pk=memory.pk).exists(),
        Memory.objects.visible_to(actor, owner=owner).filter(pk=memory.pk).exists(),
        MemoryVector.objects.visible_to(actor).filter(memory=memory).exists(),
        MemoryVector.objects.visible_to(actor, owner=owner).filter(memory=memory).exists(),
    }
    assert len(answers) == 1
    return answers.pop()


# --- Names of tags -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["limited to tags", "write only"])
def test_app_cannot_probe_for_existing_tags(which: str, ada: User) -> None:
    """The app spells a tag differently; a response in the owner's spelling would reveal that the tag exists."""
    [work] = remember(ada, "Ada works.", tags=["Work"]).tags.all()
    remember(ada, "Ada is ill.", tags=["HIV"])
    limited = which == "limited to tags"
    actor = app(
        ada, *(() if limited else (scopes.WRITE,)), only_tags=frozenset({work.pk}) if limited else None
    )
    shown_tags = [
        _tag_names(writes.create_memory(actor, text=f"{tag}?", tags=[tag])) for tag in ("hIv", "hIb")
    ]
    mine = Memory.objects.get(source="api:notes", tags__name_hash=hash_tag_name(ada.pk, "hiv"))
    if limited:
        shown_tags.append(_tag_names(writes.update_memory(actor, mine.pk, tags=["HIv"])))
        shown_tags.append(_tag_names(reads.get_memory(actor, mine.pk)))
        shown_tags.append(_tag_names(search_query.search_memories(actor, "hiv").hits[0].memory))
        shown_tags.append(_tag_names(reads.list_memories(actor).memories[1]))
    own = ["Work"] if limited else []
    assert shown_tags == [["hiv", *own], ["hib", *own], *([["hiv", *own]] * (len(shown_tags) - 2))]
    assert _tag_names(reads.get_memory(session(ada), mine.pk)) == ["HIV", *own]


def _tag_names(memory: Memory) -> list[str]:
    return [tag.name for tag in sort_by_name(get_tags(memory))]
