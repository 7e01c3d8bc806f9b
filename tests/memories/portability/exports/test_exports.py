"""What goes out can come back, and gives nobody more than they may see."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.actor import InsufficientScope
from accounts.models import User
from memories import scopes
from memories.models import AuditEvent, Memory, MemoryRevision
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.exports.full_archive import export_everything
from memories.portability.imports import run as import_run
from memories.services import writes
from tests.factories import app, make_person, remember, session
from tests.memories.portability.imports.test_run import bring, present

pytestmark = pytest.mark.django_db
FACTS = (
    "pk",
    "visibility",
    "expires_at",
    "created_at",
    "updated_at",
    "written_at",
    "version",
    "conversation",
    "position",
)
MANAGER = (scopes.READ, scopes.ADMIN)


def live_a_little(user: User) -> None:
    """Memories with everything that one can have."""
    actor = session(user)
    chat = uuid4()
    made = writes.create_memories(
        actor,
        [
            writes.NewMemory("I like tea.", tags=["food", 'Ünïcode "quoted"']),
            writes.NewMemory("=1+1 is no formula", "public"),
            writes.NewMemory("'quoted'\nin two lines", expires_at=datetime(2999, 1, 1, tzinfo=UTC)),
            writes.NewMemory("first turn", conversation=chat, position=0),
            writes.NewMemory("second turn", conversation=chat, position=1),
        ],
    )
    writes.update_memory(actor, made[0].pk, text="I like coffee.")
    writes.update_memory(actor, made[0].pk, text="I like cocoa.", tags=["drinks"])


def facts(user: User) -> list[Any]:
    return [
        (
            memory.text,
            sorted(tag.name for tag in memory.tags.all()),
            [getattr(memory, name) for name in FACTS],
            [(past.version, past.text, past.written_at) for past in memory.revisions.order_by("version")],
        )
        for memory in present(user)
    ]


def content(user: User, form: str) -> io.BytesIO:
    return io.BytesIO(b"".join(export_memories(session(user), form).chunks))


def test_json_lines_come_back_whole_into_an_empty_database(ada: User) -> None:
    live_a_little(ada)
    before, lines = facts(ada), content(ada, "jsonl")
    MemoryRevision.objects.all().delete()
    Memory.objects.all().delete()
    batch = bring(session(make_person("new")), lines, publish=True)
    assert facts(User.objects.get(pk=batch.owner_id)) == before


def test_json_lines_come_back_whole_beside_the_ones_they_came_from(ada: User, bob: User) -> None:
    live_a_little(ada)
    bring(session(bob), content(ada, "jsonl"), publish=True)
    ours, theirs = facts(ada), facts(bob)
    assert sorted((text, tags, row[1:], past) for text, tags, row, past in ours) == sorted(
        (text, tags, row[1:], past) for text, tags, row, past in theirs
    )
    assert bring(session(bob), content(ada, "jsonl")).counts["new"] == 0


@pytest.mark.parametrize("form", [name for name in EXPORT_FORMATS if name != "jsonl"])
def test_every_form_comes_back_with_its_texts(ada: User, bob: User, form: str) -> None:
    live_a_little(ada)
    bring(session(bob), content(ada, form))
    assert sorted(memory.text for memory in present(bob)) == sorted(memory.text for memory in present(ada))
    if form != "text":
        [tagged] = [memory for memory in present(bob) if memory.text == "I like cocoa."]
        assert "drinks" in {tag.name for tag in tagged.tags.all()}


def test_no_cell_of_a_table_is_a_formula(ada: User) -> None:
    for text in ("=1+1", "+1", "-1", "@a", "\tx =1", "'=1"):
        remember(ada, text, tags=["=tag"])
    rows = csv.reader(io.StringIO(content(ada, "csv").getvalue().decode("utf-8-sig")))
    assert not [cell for row in rows for cell in row if cell[:1] and cell[0] in "=+-@\t\r"]


def test_an_export_is_in_the_audit(ada: User) -> None:
    memory = remember(ada, "one")
    content(ada, "text")
    assert AuditEvent.objects.filter(action="memory:export", memory_ids=[memory.pk]).exists()


def test_what_is_in_the_trash_stays_there(ada: User) -> None:
    writes.trash_memory(session(ada), remember(ada, "gone").pk)
    assert content(ada, "jsonl").getvalue() == b""


@pytest.mark.parametrize("missing", MANAGER)
def test_an_app_needs_both_scopes(ada: User, missing: str) -> None:
    with pytest.raises(InsufficientScope):
        export_memories(app(ada, *(scope for scope in MANAGER if scope != missing)), "jsonl")


def test_a_narrowed_app_takes_out_what_it_may_see(ada: User) -> None:
    remember(ada, "I am ill.", tags=["health"])
    [work] = remember(ada, "I work.", tags=["work"]).tags.all()
    narrowed = app(ada, *MANAGER, only_tags=frozenset({work.pk}))
    assert b"".join(export_memories(narrowed, "text").chunks).endswith(b"- I work.\n")


def test_an_unknown_form_is_refused(ada: User) -> None:
    with pytest.raises(ValidationError):
        export_memories(session(ada), "xml")


def test_it_asks_as_often_for_many_as_for_few_a_page(ada: User, django_assert_num_queries: Any) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"memory {n}") for n in range(600)])
    with django_assert_num_queries(
        3 + 3 + 3 + 2
    ):  # savepoint, rows, release, and the audit line of two pages
        content(ada, "text")


def test_everything_is_everything_and_for_the_person_alone(ada: User) -> None:
    live_a_little(ada)
    writes.trash_memory(session(ada), remember(ada, "gone").pk)
    with zipfile.ZipFile(io.BytesIO(b"".join(export_everything(session(ada)).chunks))) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert set(files) == {
        "README.txt", "memories.jsonl", "trash.jsonl", "profile.json", "apps.json", "filters.json", "activity.jsonl"
    }  # fmt: skip
    assert len(files["memories.jsonl"].splitlines()) == 5
    assert b"gone" in files["trash.jsonl"]
    assert json.loads(files["profile.json"])["email"] == "ada@example.org"
    assert b"memory:create" in files["activity.jsonl"]
    trashed = json.loads(files["trash.jsonl"])
    assert datetime.fromisoformat(trashed["deleted_at"]) == Memory.objects.get(pk=trashed["id"]).deleted_at
    with pytest.raises(InsufficientScope):
        export_everything(app(ada, *scopes.DESCRIPTIONS))


def test_what_was_in_the_trash_does_not_come_back_to_life(ada: User, bob: User) -> None:
    remember(ada, "kept")
    writes.trash_memory(session(ada), remember(ada, "gone").pk)
    Memory.objects.filter(pk=remember(ada, "over").pk).update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    exported = io.BytesIO(b"".join(export_everything(session(ada)).chunks))
    batch = bring(session(bob), exported)
    assert ([memory.text for memory in present(bob)], batch.counts["skipped"]) == (["kept"], {"in_trash": 2})


def test_a_line_of_the_trash_by_itself_does_not_come_back_to_life(ada: User) -> None:
    line = {"picard": 1, "text": "gone", "deleted_at": "2026-01-31T12:00:00Z"}
    batch = bring(session(ada), io.BytesIO(json.dumps(line).encode()))
    assert (present(ada), batch.counts["skipped"]) == ([], {"in_trash": 1})


# --- The commands -----------------------------------------------------------------------------------------


def test_the_commands_move_a_person_out_and_in(ada: User, bob: User, tmp_path: Path, capsys: Any) -> None:
    live_a_little(ada)
    path = tmp_path / "ada.jsonl"
    call_command("export_memories", str(path), "--person", "ada@example.org")
    assert path.stat().st_mode & 0o777 == 0o600
    call_command("import_memories", str(path), "--person", "bob@example.org")
    assert "new: 5" in capsys.readouterr().out
    assert present(bob) == []
    call_command("import_memories", str(path), "--person", "BOB@example.org", "--yes", "--keep-public")
    assert len(present(bob)) == 5
    assert {memory.source for memory in present(bob)} == {"command"}


def test_a_command_undoes_an_import(ada: User, bob: User, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("[2025-01-31] - I keep bees.")
    call_command("import_memories", str(path), "--person", "ada@example.org", "--yes")
    [batch] = import_run.list_imports(session(ada))
    assert f"undo_import {batch.pk}" in capsys.readouterr().out
    call_command("undo_import", "--person", "ada@example.org")
    assert str(batch.pk) in capsys.readouterr().out
    with pytest.raises(CommandError, match="no import"):
        call_command("undo_import", str(batch.pk), "--person", "bob@example.org")
    call_command("undo_import", str(batch.pk), "--person", "ada@example.org")
    assert present(ada) == []
    with pytest.raises(CommandError, match="nothing to undo"):
        call_command("undo_import", str(batch.pk), "--person", "ada@example.org")


def test_the_commands_say_what_is_wrong(ada: User, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\0")
    for arguments in (
        ("import_memories", str(picture), "--person", "ada@example.org"),
        ("import_memories", str(tmp_path / "none"), "--person", "ada@example.org"),
        ("import_memories", str(picture), "--person", "nobody@example.org"),
        ("export_memories", str(picture), "--person", "ada@example.org"),
    ):
        with pytest.raises(CommandError):
            call_command(*arguments)
