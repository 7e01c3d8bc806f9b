"""What comes back from each export format: all texts, and what docs/moving.md promises of the rest."""

import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from memories import scopes
from memories.models import Memory, MemoryRevision
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.imports.clean import clean_item
from memories.portability.readers.items import ImportItem
from memories.services import writes
from tests.factories import app, remember, session
from tests.memories.portability.exports.difficult import DIFFICULT_TAGS, DIFFICULT_TEXTS
from tests.memories.portability.imports.test_run import run_import, saved_memories
from tests.memories.portability.reading import read_file
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db

EVERY = frozenset({
    "tags", "visibility", "expires_at", "created_at", "updated_at", "written_at", "version", "history", "place",
    "supersedes", "pinned",
})  # fmt: skip
# What comes back besides the text and the day, by format: the table in docs/moving.md.
KEPT = {
    "jsonl": EVERY,
    "pam": EVERY,
    "mem0": frozenset({"tags", "visibility", "expires_at", "created_at", "updated_at", "supersedes"}),
    "mcp": frozenset({"tags", "visibility", "expires_at", "created_at", "updated_at", "supersedes"}),
    "markdown": frozenset(
        {"tags", "visibility", "expires_at", "created_at", "updated_at", "supersedes", "pinned"}
    ),
    "csv": frozenset({"tags", "visibility", "expires_at", "created_at", "supersedes", "pinned"}),
    "text": frozenset[str](),
}
each_format = pytest.mark.parametrize("form", EXPORT_FORMATS)
each_format_with_tags = pytest.mark.parametrize("form", [form for form in EXPORT_FORMATS if form != "text"])


def export(user: User, form: str) -> bytes:
    return b"".join(export_memories(session(user), form).chunks)


def read_back(exported: bytes) -> list[ImportItem]:
    """Return the items of an export as they would be saved. Nothing is left out."""
    outcome = read_file(exported)
    assert outcome.skipped == {}
    return [clean_item(item) for item in outcome.items]


def save(user: User, texts: Iterable[str], **fields: Any) -> list[Memory]:
    return writes.create_memories(session(user), [writes.NewMemory(text, **fields) for text in texts])


# --- Texts and tags ---------------------------------------------------------------------------------------


@each_format
def test_difficult_texts_come_back(ada: User, form: str) -> None:
    saved = [memory.text for memory in save(ada, DIFFICULT_TEXTS)]
    assert [item.text for item in read_back(export(ada, form))] == saved


@each_format
def test_difficult_text_alone_comes_back(ada: User, form: str) -> None:
    """A single text has more influence on what a file is taken for."""
    for text in DIFFICULT_TEXTS:
        memory = remember(ada, text)
        assert [item.text for item in read_back(export(ada, form))] == [memory.text]
        memory.delete()


@each_format_with_tags
def test_difficult_tags_come_back(ada: User, form: str) -> None:
    for number, name in enumerate(DIFFICULT_TAGS):
        save(ada, [f"{number} #inline"], tags=[name] if number % 2 else [name, "other"])
    save(ada, ["untagged #inline"])
    assert {item.text: sorted(item.tags) for item in read_back(export(ada, form))} == {
        memory.text: sorted(tag.name for tag in memory.tags.all()) for memory in saved_memories(ada)
    }


@each_format_with_tags
def test_as_many_tags_as_a_memory_can_have_come_back(ada: User, form: str) -> None:
    names = [f"tag: {number}; \"a\" [b] 'c' \\d" for number in range(20)]
    save(ada, ["one"], tags=names)
    [item] = read_file(export(ada, form)).items
    assert sorted(item.tags) == sorted(names)


# --- Fields -----------------------------------------------------------------------------------------------


def save_varied(user: User) -> None:
    """Save memories that use every field, with the newest change a day ago."""
    chat, end = uuid4(), datetime(2999, 5, 6, 7, 8, 9, 123_456, tzinfo=UTC)
    tagged, _public, older, *_rest = [
        *save(user, ["I like tea."], tags=["food", 'Ünïcode "quoted"', "imported:text"]),
        *save(user, ["I live in Lier."], visibility="public", pinned=True),
        *save(user, ["I work nights."], expires_at=end),
        *save(user, ["first turn"], conversation=chat, position=3),
        *save(user, ["second turn"], conversation=chat, position=5),
    ]
    writes.update_memory(session(user), tagged.pk, text="I like coffee.")
    writes.update_memory(session(user), tagged.pk, text="I like cocoa.")
    remember(user, "I work days.", supersedes=older.pk)
    days = timedelta(days=1)
    for number, memory in enumerate(Memory.objects.filter(owner=user).order_by("pk")):
        created = datetime(2025, 1, 1 + number, 12, 13, 14, 151_617, tzinfo=UTC)
        Memory.objects.filter(pk=memory.pk).update(
            created_at=created, written_at=created + days, updated_at=created + 2 * days
        )
    MemoryRevision.objects.filter(owner_id=user.pk).update(written_at=datetime(2025, 1, 1, 13, tzinfo=UTC))


def describe(user: User) -> dict[str, dict[str, Any]]:
    """Return the fields of all memories by their texts."""
    texts = {memory.pk: memory.text for memory in saved_memories(user)}
    places: dict[Any, list[Memory]] = {}
    for memory in saved_memories(user):
        if memory.conversation:
            places.setdefault(memory.conversation, []).append(memory)
    neighbors = {
        memory.pk: [each.text for each in sorted(turns, key=lambda each: each.position or 0)]
        for turns in places.values()
        for memory in turns
    }
    return {
        memory.text: {
            "tags": sorted(
                tag.name
                for tag in memory.tags.all()
                if tag.name not in {f"imported:{form}" for form in SOURCES}
            ),
            "visibility": memory.visibility,
            "pinned": memory.pinned,
            "expires_at": memory.expires_at,
            "created_at": memory.created_at,
            "updated_at": memory.updated_at,
            "written_at": memory.written_at,
            "version": memory.version,
            "history": [
                (each.version, each.text, each.written_at) for each in memory.revisions.order_by("version")
            ],
            "place": neighbors.get(memory.pk),
            "supersedes": texts.get(memory.supersedes_id) if memory.supersedes_id else None,
        }
        for memory in saved_memories(user)
    }


SOURCES = ("pam", "mem0", "mcp_memory", "markdown", "table")  # names of formats in tags of what is imported


@each_format
def test_fields_come_back_into_another_account(ada: User, bob: User, form: str) -> None:
    save_varied(ada)
    run_import(session(bob), io.BytesIO(export(ada, form)), publish=True)
    before, after = describe(ada), describe(bob)
    assert before.keys() == after.keys()
    for text, fields in before.items():
        assert fields["created_at"].date() == after[text]["created_at"].date()
        assert {name: after[text][name] for name in KEPT[form]} == {name: fields[name] for name in KEPT[form]}


def test_pins_of_a_file_come_only_by_the_user(ada: User, bob: User) -> None:
    save(ada, ["I am allergic to peanuts."], pinned=True)
    exported = export(ada, "jsonl")
    notes = make_app()
    allow(bob, notes, *scopes.DESCRIPTIONS)
    reader = replace(app(bob, *scopes.DESCRIPTIONS), client_id=notes.application.client_id)
    run_import(reader, io.BytesIO(exported))
    assert [memory.pinned for memory in saved_memories(bob)] == [False]


@each_format
def test_second_import_brings_nothing(ada: User, bob: User, form: str) -> None:
    save_varied(ada)
    exported = export(ada, form)
    run_import(session(bob), io.BytesIO(exported), publish=True)
    before = describe(bob)
    counts = run_import(session(bob), io.BytesIO(exported), publish=True).counts
    assert (counts["new"], counts["changed"], counts["duplicate"]) == (0, 0, len(before))
    assert describe(bob) == before


@each_format
def test_import_into_the_own_account_brings_nothing(ada: User, form: str) -> None:
    save_varied(ada)
    before = describe(ada)
    counts = run_import(session(ada), io.BytesIO(export(ada, form)), publish=True).counts
    assert (counts["new"], counts["changed"], counts["duplicate"]) == (0, 0, len(before))
    assert describe(ada) == before


@pytest.mark.parametrize("form", ["jsonl", "pam", "mem0", "mcp"])
def test_what_was_changed_since_comes_with_a_further_import(ada: User, bob: User, form: str) -> None:
    kept, changed = save(ada, ["I hike.", "I keep bees."], tags=["old"])
    Memory.objects.filter(owner=ada).update(updated_at=datetime(2025, 1, 1, tzinfo=UTC))
    run_import(session(bob), io.BytesIO(export(ada, form)), publish=True)
    end = datetime(2999, 1, 1, tzinfo=UTC)
    writes.update_memory(session(ada), changed.pk, tags=["new"], expires_at=end, visibility="public")
    counts = run_import(session(bob), io.BytesIO(export(ada, form)), publish=True).counts
    assert (counts["new"], counts["changed"], counts["duplicate"]) == (0, 1, 1)
    after = describe(bob)
    assert after[kept.text]["tags"] == ["old"]
    assert [after[changed.text][name] for name in ("tags", "expires_at", "visibility")] == [
        ["new"],
        end,
        "public",
    ]
