"""Limits of import previews: zip directory size, entries, time, rate, and one at a time per user."""

import io
import json
import math
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.test import Client

from accounts.models import User
from accounts.rate_limits import RateLimit
from core.db.locks import OwnerLock, try_lock_owner
from memories.api.views import portability
from memories.errors import ImportInProgress
from memories.models import ImportBatch, MemoryRevision, StagedMemories
from memories.portability.files import archives
from memories.portability.files.archives import MAX_PARTS, NamedFile, list_parts
from memories.portability.files.parts import Part, open_part
from memories.portability.imports import clean as import_clean
from memories.portability.imports import diff as import_diff
from memories.portability.imports import run as import_run
from memories.portability.imports import stage as import_stage
from memories.portability.imports import staged_items
from memories.web.views import portability as portability_views
from tests.factories import make_person, session
from tests.memories.api.callers import session_of
from tests.memories.portability.samples.files import file_of, zip_of
from tests.memories.portability.staging import stage

pytestmark = pytest.mark.django_db
TEXT = "[2025-01-01] - one"


def get_error_code(refusal: pytest.ExceptionInfo[ValidationError]) -> str | None:
    return str(refusal.value.error_dict["file"][0].code)


def list_parts_of(file: io.BytesIO, deadline: float = math.inf) -> list[Part]:
    return list_parts([NamedFile(file)], deadline)


# --- Zip directory --------------------------------------------------------------------------------------------


def directory_entry(name: bytes = b"a", comment: bytes = b"") -> bytes:
    sizes = (len(name), 0, len(comment))
    return struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, *(0,) * 8, *sizes, *(0,) * 4) + name + comment


def zip_directory(entries: bytes, count: int, *, is_zip64: bool = False) -> io.BytesIO:
    """Build a zip that consists of a directory that declares this number of entries."""
    size, counts = len(entries), (min(count, 65_535),) * 2
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *counts, 0xFFFFFFFF if is_zip64 else size, 0, 0)
    if is_zip64:
        end = (
            struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, 0)
            + struct.pack("<4sLQL", b"PK\6\7", 0, size, 1)
            + end
        )
    return io.BytesIO(entries + end)


MANY = directory_entry() * (MAX_PARTS + 1)
DIRECTORIES = {
    "many": (MANY, MAX_PARTS + 1, False),
    "many, declared as one": (MANY, 1, False),
    "many, in zip64": (MANY, MAX_PARTS + 1, True),
    "few but long": (directory_entry(comment=b"c" * 65_535) * 306, 306, False),
    "far too many": (directory_entry() * 500_000, 1, True),
}


@pytest.mark.parametrize(("entries", "count", "is_zip64"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_oversized_directory_is_refused_before_parsing(
    entries: bytes, count: int, is_zip64: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(zipfile, "ZipInfo")
    with pytest.raises(ValidationError) as refusal:
        list_parts_of(zip_directory(entries, count, is_zip64=is_zip64))
    assert get_error_code(refusal) == "too_many_files"


def test_zip_with_maximum_number_of_files_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_PARTS", 3)
    assert len(list_parts_of(zip_of({f"{n}.md": "a" for n in range(3)}))) == 3
    with pytest.raises(ValidationError) as refusal:
        list_parts_of(zip_of({f"{n}.md": "a" for n in range(4)}))
    assert get_error_code(refusal) == "too_many_files"


# --- Entries, time and rate -------------------------------------------------------------------------------


def test_skipped_entries_count_towards_limit(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_diff, "MAX_ENTRIES", 10)
    assert stage(session(ada), file_of(["a", *[1] * 9])).counts["new"] == 1
    with pytest.raises(ValidationError) as refusal:
        stage(session(ada), file_of(["a", *[1] * 10]))
    assert get_error_code(refusal) == "too_many_entries"


def test_staged_rows_are_limited_with_long_histories(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = {"version": 1, "text": "b" * 100, "written_at": "2025-01-01T00:00:00Z"}
    lines = [
        json.dumps({"picard": 1, "text": f"a{n}", "version": 2, "history": [revision]}) for n in range(6)
    ]
    monkeypatch.setattr(staged_items, "ROW_CHARACTERS", 400)
    batch = stage(session(ada), file_of("\n".join(lines)))
    assert StagedMemories.objects.count() == 3
    import_run.start_import(session(ada), batch.pk)
    assert import_run.advance_import(session(ada), batch.pk, seconds=60).done == 6
    assert MemoryRevision.objects.count() == 6


def test_latest_revisions_are_imported(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_clean, "MAX_REVISIONS", 2)
    history = [{"version": n, "text": f"b{n}", "written_at": "2025-01-01T00:00:00Z"} for n in (1, 2, 3)]
    line = json.dumps({"picard": 1, "text": "a", "version": 4, "history": history})
    batch = stage(session(ada), file_of(line))
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk)
    assert [revision.version for revision in MemoryRevision.objects.order_by("version")] == [2, 3]


SOURCES: dict[str, Any] = {
    "lines": lambda: file_of(TEXT),
    "JSON": lambda: file_of(["a"]),
    "notes": lambda: zip_of({f"{n}.md": "a" for n in range(3)}),
}


@pytest.mark.parametrize("build_source", SOURCES.values(), ids=SOURCES)
def test_timed_out_preview_keeps_previous_staged_import(ada: User, build_source: Any) -> None:
    first = stage(session(ada), file_of(TEXT))
    with pytest.raises(ValidationError) as refusal:
        stage(session(ada), build_source(), seconds=-1)
    assert get_error_code(refusal) == "takes_too_long"
    assert list(ImportBatch.objects.all()) == [first]
    assert StagedMemories.objects.count() == 1


def test_no_part_is_read_after_deadline() -> None:
    for build_source in SOURCES.values():
        with (
            pytest.raises(ValidationError),
            open_part(list_parts_of(build_source(), deadline=-1)[0]) as file,
        ):
            file.read(1)


def test_web_previews_have_less_time(ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_stage.MAX_SECONDS_ONLINE < import_stage.MAX_SECONDS
    for views in (portability_views, portability):
        monkeypatch.setattr(views, "MAX_SECONDS_ONLINE", -1)
    page = ada_client.post("/memories/import/", {"text": TEXT})
    assert (page.status_code, "takes too long. Split it" in page.content.decode()) == (422, True)
    answer = session_of(ada)("post", "/import/", TEXT.encode())
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "takes_too_long")


def test_previews_are_rate_limited(ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_stage, "PREVIEW_LIMIT", RateLimit("import", 1, 3_600))
    assert ada_client.post("/memories/import/", {"text": TEXT}).status_code == 302
    assert ada_client.post("/memories/import/", {"text": TEXT}).status_code == 429
    answer = session_of(ada)("post", "/import/", TEXT.encode())
    assert (answer.status, answer.code, int(answer.headers["Retry-After"]) > 60) == (
        429,
        "rate_limited",
        True,
    )


# --- One at a time ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_concurrent_preview_is_refused_without_waiting() -> None:
    ada, bob = make_person("ada"), make_person("bob")
    with ThreadPoolExecutor(1) as other, transaction.atomic():
        assert try_lock_owner(OwnerLock.IMPORT_PREVIEW, ada.pk)
        assert other.submit(_try_staging, ada).result() == "in progress"
        assert other.submit(_try_staging, bob).result() == "staged"
        other.submit(connections.close_all).result()


def _try_staging(user: User) -> str:
    try:
        stage(session(user), file_of(TEXT))
    except ImportInProgress:
        return "in progress"
    return "staged"


@pytest.mark.django_db(transaction=True)
def test_approval_during_preview_succeeds_and_preview_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_stage, "BATCH_SIZE", 1)
    ada = make_person("ada")
    first = stage(session(ada), file_of(TEXT))
    with ThreadPoolExecutor(1) as other:

        def approve(_count: int) -> None:
            other.submit(import_run.start_import, session(ada), first.pk).result()

        with pytest.raises(ImportInProgress):
            stage(session(ada), file_of("[2025-01-01] - two"), on_progress=approve)
        other.submit(connections.close_all).result()
    assert [batch.state for batch in ImportBatch.objects.all()] == ["running"]
