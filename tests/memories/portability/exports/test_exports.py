"""Exports can be imported again and contain only what the actor may read."""

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
from tests.memories.portability.imports.test_run import run_import, saved_memories
from tests.oauth.flows import connect_actor

pytestmark = pytest.mark.django_db
COMPARED_FIELDS = (
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


def create_varied_memories(user: User) -> None:
    """Create memories that use every field."""
    actor = session(user)
    chat = uuid4()
    memories = writes.create_memories(
        actor,
        [
            writes.NewMemory("I like tea.", tags=["food", 'Ünïcode "quoted"']),
            writes.NewMemory("=1+1 is no formula", "public"),
            writes.NewMemory("'quoted'\nin two lines", expires_at=datetime(2999, 1, 1, tzinfo=UTC)),
            writes.NewMemory("first turn", conversation=chat, position=0),
            writes.NewMemory("second turn", conversation=chat, position=1),
        ],
    )
    writes.update_memory(actor, memories[0].pk, text="I like coffee.")
    writes.update_memory(actor, memories[0].pk, text="I like cocoa.", tags=["drinks"])


def describe_memories(user: User) -> list[Any]:
    return [
        (
            memory.text,
            sorted(tag.name for tag in memory.tags.all()),
            [memory.imported_id or memory.pk, *(getattr(memory, name) for name in COMPARED_FIELDS)],
            [
                (revision.version, revision.text, revision.written_at)
                for revision in memory.revisions.order_by("version")
            ],
        )
        for memory in saved_memories(user)
    ]


def export_file(user: User, form: str) -> io.BytesIO:
    return io.BytesIO(b"".join(export_memories(session(user), form).chunks))


def test_jsonl_restores_all_fields_into_empty_database(ada: User) -> None:
    create_varied_memories(ada)
    before, lines = describe_memories(ada), export_file(ada, "jsonl")
    MemoryRevision.objects.all().delete()
    Memory.objects.all().delete()
    batch = run_import(session(make_person("new")), lines, publish=True)
    assert describe_memories(User.objects.get(pk=batch.owner_id)) == before


def test_jsonl_restores_all_fields_for_another_user(ada: User, bob: User) -> None:
    create_varied_memories(ada)
    run_import(session(bob), export_file(ada, "jsonl"), publish=True)
    originals, copies = describe_memories(ada), describe_memories(bob)
    assert sorted((text, tags, row[1:], history) for text, tags, row, history in originals) == sorted(
        (text, tags, row[1:], history) for text, tags, row, history in copies
    )
    assert run_import(session(bob), export_file(ada, "jsonl")).counts["new"] == 0


@pytest.mark.parametrize("form", [name for name in EXPORT_FORMATS if name != "jsonl"])
def test_every_format_restores_texts(ada: User, bob: User, form: str) -> None:
    create_varied_memories(ada)
    run_import(session(bob), export_file(ada, form))
    assert sorted(memory.text for memory in saved_memories(bob)) == sorted(
        memory.text for memory in saved_memories(ada)
    )
    if form != "text":
        [tagged] = [memory for memory in saved_memories(bob) if memory.text == "I like cocoa."]
        assert "drinks" in {tag.name for tag in tagged.tags.all()}


def test_csv_contains_no_formula(ada: User) -> None:
    for text in ("=1+1", "+1", "-1", "@a", "\tx =1", "'=1"):
        remember(ada, text, tags=["=tag"])
    rows = csv.reader(io.StringIO(export_file(ada, "csv").getvalue().decode("utf-8-sig")))
    assert not [cell for row in rows for cell in row if cell[:1] and cell[0] in "=+-@\t\r"]


def test_export_is_recorded_in_audit_log(ada: User) -> None:
    memory = remember(ada, "one")
    export_file(ada, "text")
    assert AuditEvent.objects.filter(action="memory:export", memory_ids=[memory.pk]).exists()


def test_export_excludes_trash(ada: User) -> None:
    writes.trash_memory(session(ada), remember(ada, "gone").pk)
    assert export_file(ada, "jsonl").getvalue() == b""


@pytest.mark.parametrize("missing", MANAGER)
def test_app_needs_both_scopes_to_export(ada: User, missing: str) -> None:
    with pytest.raises(InsufficientScope):
        export_memories(app(ada, *(scope for scope in MANAGER if scope != missing)), "jsonl")


def test_app_limited_to_tags_exports_only_those(ada: User) -> None:
    remember(ada, "I am ill.", tags=["health"])
    [work] = remember(ada, "I work.", tags=["work"]).tags.all()
    limited_app = connect_actor(ada, *MANAGER, only_tags=frozenset({work.pk}))
    assert b"".join(export_memories(limited_app, "text").chunks).endswith(b"- I work.\n")


def test_unknown_format_is_refused(ada: User) -> None:
    with pytest.raises(ValidationError):
        export_memories(session(ada), "xml")


def test_query_count_per_page_is_constant(ada: User, django_assert_num_queries: Any) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"memory {n}") for n in range(600)])
    # The user, savepoint, rows and release for three pages; audit events of two.
    with django_assert_num_queries(3 + 3 + 3 + 3 + 2):
        export_file(ada, "text")


def test_full_archive_is_complete_and_refused_to_apps(ada: User) -> None:
    create_varied_memories(ada)
    writes.trash_memory(session(ada), remember(ada, "gone").pk)
    with zipfile.ZipFile(io.BytesIO(b"".join(export_everything(session(ada)).chunks))) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert set(files) == {
        "README.txt", "memories.jsonl", "trash.jsonl", "profile.json", "apps.json", "administrators.json",
        "filters.json", "activity.jsonl"
    }  # fmt: skip
    assert len(files["memories.jsonl"].splitlines()) == 5
    assert b"gone" in files["trash.jsonl"]
    assert json.loads(files["profile.json"])["email"] == "ada@example.org"
    assert b"memory:create" in files["activity.jsonl"]
    trashed = json.loads(files["trash.jsonl"])
    assert datetime.fromisoformat(trashed["deleted_at"]) == Memory.objects.get(pk=trashed["id"]).deleted_at
    with pytest.raises(InsufficientScope):
        export_everything(app(ada, *scopes.DESCRIPTIONS))


def test_trash_of_full_archive_is_not_imported(ada: User, bob: User) -> None:
    remember(ada, "kept")
    writes.trash_memory(session(ada), remember(ada, "gone").pk)
    Memory.objects.filter(pk=remember(ada, "over").pk).update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    exported = io.BytesIO(b"".join(export_everything(session(ada)).chunks))
    batch = run_import(session(bob), exported)
    assert ([memory.text for memory in saved_memories(bob)], batch.counts["skipped"]) == (
        ["kept"],
        {"in_trash": 2, "no_personal_text": 6},
    )


def test_trashed_line_is_not_imported(ada: User) -> None:
    line = {"picard": 1, "text": "gone", "deleted_at": "2026-01-31T12:00:00Z"}
    batch = run_import(session(ada), io.BytesIO(json.dumps(line).encode()))
    assert (saved_memories(ada), batch.counts["skipped"]) == ([], {"in_trash": 1})


# --- Commands ---------------------------------------------------------------------------------------------


def test_commands_export_and_import(ada: User, bob: User, tmp_path: Path, capsys: Any) -> None:
    create_varied_memories(ada)
    path = tmp_path / "ada.jsonl"
    call_command("export_memories", str(path), "--person", "ada@example.org")
    assert path.stat().st_mode & 0o777 == 0o600
    call_command("import_memories", str(path), "--person", "bob@example.org")
    assert "new: 5" in capsys.readouterr().out
    assert saved_memories(bob) == []
    call_command("import_memories", str(path), "--person", "BOB@example.org", "--yes", "--keep-public")
    assert len(saved_memories(bob)) == 5
    assert {memory.source for memory in saved_memories(bob)} == {"command"}


def test_command_undoes_import(ada: User, bob: User, tmp_path: Path, capsys: Any) -> None:
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
    assert saved_memories(ada) == []
    with pytest.raises(CommandError, match="nothing to undo"):
        call_command("undo_import", str(batch.pk), "--person", "ada@example.org")


def test_commands_report_errors(ada: User, tmp_path: Path) -> None:
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
