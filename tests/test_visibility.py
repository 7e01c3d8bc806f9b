"""Who may see which memory: the table of docs/architecture.md, for lists, search and single memories alike."""

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


def owners_session(ada: User, bob: User) -> Actor:
    return session(ada)


def owners_app(ada: User, bob: User) -> Actor:
    return app(ada, scopes.READ)


def owners_app_without_read(ada: User, bob: User) -> Actor:
    return app(ada, scopes.WRITE)


def narrowed_app(ada: User, bob: User) -> Actor:
    remember(ada, "The tag exists.", tags=["work"])
    return app(
        ada, scopes.READ, only_tags=frozenset(Tag.objects.filter(owner=ada).values_list("pk", flat=True))
    )


def expired_app(ada: User, bob: User) -> Actor:
    return app(ada, scopes.READ, until=timezone.now() - timedelta(seconds=1))


def stranger(ada: User, bob: User) -> Actor:
    return session(bob)


def strangers_app(ada: User, bob: User) -> Actor:
    return app(bob, scopes.READ, scopes.PERSONA)


def strangers_app_without_persona(ada: User, bob: User) -> Actor:
    return app(bob, scopes.READ)


def visitor(ada: User, bob: User) -> Actor:
    return ANONYMOUS


# who: private · public with the persona on · public with the persona off · public with the page opened too
TABLE = [
    (owners_session, True, True, True, True),
    (owners_app, True, True, True, True),
    (owners_app_without_read, False, False, False, False),
    (narrowed_app, False, False, False, False),
    (expired_app, False, False, False, False),
    (stranger, False, True, False, True),
    (strangers_app, False, True, False, True),
    (strangers_app_without_persona, False, False, False, False),
    (visitor, False, False, False, True),
]
KINDS = ("private", "public, persona on", "public, persona off", "public, page opened")
CASES = [
    pytest.param(who, kind, expected, id=f"{who.__name__}: {kind}")
    for who, *row in TABLE
    for kind, expected in zip(KINDS, row, strict=True)
]


@pytest.mark.parametrize(("who", "kind", "expected"), CASES)
def test_the_table(
    ada: User, bob: User, who: Callable[[User, User], Actor], kind: str, expected: bool
) -> None:
    memory = remember(ada, "The zebra canary.", visibility="private" if kind == "private" else "public")
    ada.persona_enabled = kind in ("public, persona on", "public, page opened")
    ada.public_page_enabled = kind == "public, page opened"
    ada.save()
    actor = who(ada, bob)
    assert _sees(actor, memory, ada) is expected


@pytest.mark.parametrize("who", [row[0] for row in TABLE], ids=lambda who: who.__name__)
@pytest.mark.parametrize("state", ["trashed", "expired"])
def test_nobody_sees_what_is_trashed_or_expired(
    ada: User, bob: User, who: Callable[[User, User], Actor], state: str
) -> None:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    memory = remember(ada, "The zebra canary.", visibility="public")
    _put(memory, state)
    actor = who(ada, bob)
    assert not _sees(actor, memory, ada)


@pytest.mark.parametrize("state", ["trashed", "expired"])
def test_only_the_owners_own_session_looks_into_the_trash(ada: User, bob: User, state: str) -> None:
    memory = remember(ada, "The zebra canary.")
    _put(memory, state)
    assert [row.pk for row in reads.list_trash(session(ada)).memories] == [memory.pk]
    assert reads.list_trash(app(ada, *scopes.DESCRIPTIONS)).memories == []
    assert reads.list_trash(session(bob)).memories == []


def test_an_app_narrowed_to_a_tag_sees_only_what_has_it(ada: User) -> None:
    with_tag = remember(ada, "The zebra canary at work.", tags=["work"])
    remember(ada, "The zebra canary at home.", tags=["home"])
    [work] = Tag.objects.filter(memories=with_tag)
    narrowed = app(ada, only_tags=frozenset({work.pk}))
    assert [row.pk for row in reads.list_memories(narrowed).memories] == [with_tag.pk]
    assert [hit.memory.pk for hit in search_query.search_memories(narrowed, "zebra").hits] == [with_tag.pk]
    assert [tag.name for tag in reads.list_tags(narrowed)] == ["work"]


def test_what_a_narrowed_app_writes_stays_within_what_it_sees(ada: User) -> None:
    [work] = Tag.objects.filter(memories=remember(ada, "Anything", tags=["work"]))
    narrowed = app(ada, only_tags=frozenset({work.pk}))
    memory = writes.create_memory(narrowed, text="From the app")
    writes.update_memory(narrowed, memory.pk, tags=["other"])
    assert {tag.name for tag in reads.get_memory(narrowed, memory.pk).tags.all()} == {"work", "other"}


def test_a_closed_account_sees_and_shows_nothing(ada: User, bob: User) -> None:
    ada.persona_enabled, ada.is_active = True, False
    ada.save()
    memory = Memory.objects.create(owner=ada, text="The zebra canary.", visibility="public", source="web")
    assert not Memory.objects.visible_to(session(ada)).filter(pk=memory.pk).exists()
    assert not Memory.objects.visible_to(session(bob)).filter(pk=memory.pk).exists()


def test_forbidden_and_absent_are_one_answer(ada: User, bob: User) -> None:
    private = remember(ada, "The zebra canary.")
    absent = replace(session(bob))
    for act in (reads.get_memory, reads.get_history, writes.trash_memory, writes.delete_memory):
        with pytest.raises(MemoryNotFound) as error:
            act(absent, private.pk)
        assert str(private.pk) not in str(error.value)


def _put(memory: Memory, state: str) -> None:
    past = timezone.now() - timedelta(hours=1)
    if state == "trashed":
        writes.trash_memory(session(memory.owner), memory.pk)
    else:
        Memory.objects.filter(pk=memory.pk).update(expires_at=past)
        MemoryVector.objects.filter(memory=memory).update(expires_at=past)


def _sees(actor: Actor, memory: Memory, owner: User) -> bool:
    """Whether the rule lets the memory through; every form of asking must agree."""
    answers = {
        Memory.objects.visible_to(actor).filter(pk=memory.pk).exists(),
        Memory.objects.visible_to(actor, owner=owner).filter(pk=memory.pk).exists(),
        MemoryVector.objects.visible_to(actor).filter(memory=memory).exists(),
        MemoryVector.objects.visible_to(actor, owner=owner).filter(memory=memory).exists(),
    }
    assert len(answers) == 1
    return answers.pop()


# --- What tags are called -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["narrowed", "may only write"])
def test_no_app_learns_by_naming_a_tag_whether_there_was_one(which: str, ada: User) -> None:
    """It names it in another spelling: the person's own, in an answer, would say that they have such a tag."""
    [work] = remember(ada, "Ada works.", tags=["Work"]).tags.all()
    remember(ada, "Ada is ill.", tags=["HIV"])
    narrowed = which == "narrowed"
    actor = app(
        ada, *(() if narrowed else (scopes.WRITE,)), only_tags=frozenset({work.pk}) if narrowed else None
    )
    told = [_names(writes.create_memory(actor, text=f"{tag}?", tags=[tag])) for tag in ("hIv", "hIb")]
    mine = Memory.objects.get(source="api:notes", tags__name_hash=hash_tag_name(ada.pk, "hiv"))
    if narrowed:
        told.append(_names(writes.update_memory(actor, mine.pk, tags=["HIv"])))
        told.append(_names(reads.get_memory(actor, mine.pk)))
        told.append(_names(search_query.search_memories(actor, "hiv").hits[0].memory))
        told.append(_names(reads.list_memories(actor).memories[1]))
    own = ["Work"] if narrowed else []
    assert told == [["hiv", *own], ["hib", *own], *([["hiv", *own]] * (len(told) - 2))]
    assert _names(reads.get_memory(session(ada), mine.pk)) == ["HIV", *own]


def _names(memory: Memory) -> list[str]:
    return [tag.name for tag in sort_by_name(get_tags(memory))]
