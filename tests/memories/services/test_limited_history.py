"""An app that is limited to a tag reads no text from before a memory had it."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.errors import MemoryNotFound
from memories.models import Memory, MemoryTag, Tag
from memories.portability.exports.formats import export_memories
from memories.portability.imports.known import digest_text, load_known_memories
from memories.services import reads, selection, tag_admin, writes
from memories.services.selection import Selection
from tests.factories import remember, session
from tests.memories.portability.imports.test_run import jsonl_file, run_import, saved_memories
from tests.oauth.flows import connect_actor

pytestmark = pytest.mark.django_db
SECRET, LATER, NOW = "I was ill.", "I was well.", "I am well."
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)


def limit_app(ada: User, tag: str = "work") -> Actor:
    [found] = [each for each in Tag.objects.filter(owner=ada) if each.name == tag]
    return connect_actor(ada, *MANAGER, only_tags=frozenset({found.pk}))


def list_earlier(actor: Actor, memory_id: UUID) -> list[str]:
    page = reads.get_history(actor, memory_id)
    assert page.count == len(page.revisions)
    return [each.text for each in page.revisions]


def tag_alone(ada: User, memory_id: UUID) -> None:
    writes.update_memory(session(ada), memory_id, text=LATER)
    writes.update_memory(session(ada), memory_id, tags=["work"])


def tag_with_the_text(ada: User, memory_id: UUID) -> None:
    writes.update_memory(session(ada), memory_id, text=LATER, tags=["work"])


def tag_selected(ada: User, memory_id: UUID) -> None:
    writes.update_memory(session(ada), memory_id, text=LATER)
    selection.tag_selection(session(ada), Selection(ids=[memory_id]), "work")


def merge_its_tag(ada: User, memory_id: UUID) -> None:
    writes.update_memory(session(ada), memory_id, text=LATER, tags=["job"])
    [work] = remember(ada, "Another.", tags=["work"]).tags.all()
    tag_admin.merge_tags(session(ada), Memory.objects.get(pk=memory_id).tags.get().pk, work.pk)


def tag_again(ada: User, memory_id: UUID) -> None:
    writes.update_memory(session(ada), memory_id, tags=["work"])
    writes.update_memory(session(ada), memory_id, text=LATER, tags=[])
    writes.update_memory(session(ada), memory_id, tags=["work"])


@pytest.mark.parametrize("put_on", [tag_alone, tag_with_the_text, tag_selected, merge_its_tag, tag_again])
def test_history_begins_with_the_tag(ada: User, put_on: Callable[[User, UUID], None]) -> None:
    memory = remember(ada, SECRET)
    put_on(ada, memory.pk)
    limited = limit_app(ada)
    assert list_earlier(limited, memory.pk) == []
    with pytest.raises(MemoryNotFound):
        writes.restore_version(limited, memory.pk, 1)
    writes.update_memory(session(ada), memory.pk, text=NOW)
    assert list_earlier(limited, memory.pk) == [LATER]
    assert (
        list_earlier(connect_actor(ada), memory.pk)
        == list_earlier(session(ada), memory.pk)
        == [LATER, SECRET]
    )
    for form in ("jsonl", "pam"):
        exported = b"".join(export_memories(limited, form).chunks)
        assert (SECRET.encode() in exported, LATER.encode() in exported) == (False, True)
    known = load_known_memories(limited).digests
    assert (digest_text(SECRET) in known, digest_text(LATER) in known) == (False, True)


def test_memory_that_always_had_the_tag_is_seen_whole(ada: User) -> None:
    memory = remember(ada, LATER, tags=["work"])
    writes.update_memory(session(ada), memory.pk, text=NOW)
    limited = limit_app(ada)
    assert list_earlier(limited, memory.pk) == [LATER]
    assert writes.restore_version(limited, memory.pk, 1).text == LATER


def test_imported_history_is_from_before_the_tag(ada: User) -> None:
    history = [{"version": 1, "text": SECRET, "written_at": "2025-01-01T00:00:00Z"}]
    run_import(session(ada), jsonl_file({"text": NOW, "version": 2, "history": history, "tags": ["work"]}))
    [memory] = saved_memories(ada)
    assert list_earlier(session(ada), memory.pk) == [SECRET]
    assert list_earlier(limit_app(ada), memory.pk) == []


def test_row_that_does_not_say_since_when_hides_everything(ada: User) -> None:
    memory = remember(ada, SECRET, tags=["work"])
    writes.update_memory(session(ada), memory.pk, text=NOW)
    tagged = MemoryTag.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("delete from memories_memorytag")
        cursor.execute(
            "insert into memories_memorytag (owner_id, memory_id, tag_id) values (%s, %s, %s)",
            [ada.pk, memory.pk, tagged.tag_id],
        )
    assert list_earlier(limit_app(ada), memory.pk) == []
