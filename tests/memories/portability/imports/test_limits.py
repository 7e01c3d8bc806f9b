"""A look at an import has bounds: on a zip's directory, entries, time, how often, and one at a time of a person."""

import io
import json
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
from memories.portability.imports import clean as import_clean
from memories.portability.imports import diff as import_diff
from memories.portability.imports import run as import_run
from memories.portability.imports import stage as import_stage
from memories.portability.imports.stage import stage_import
from memories.portability.readers import archives
from memories.portability.readers.archives import MAX_PARTS, list_parts
from memories.web.views import portability as portability_views
from tests.factories import make_person, session
from tests.memories.api.callers import session_of
from tests.memories.portability.samples import file_of, zip_of

pytestmark = pytest.mark.django_db
LOOKED = "[2025-01-01] - one"


def code_of(refusal: pytest.ExceptionInfo[ValidationError]) -> str | None:
    return str(refusal.value.error_dict["file"][0].code)


# --- The directory of a zip -------------------------------------------------------------------------------


def entry(name: bytes = b"a", comment: bytes = b"") -> bytes:
    sizes = (len(name), 0, len(comment))
    return struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, *(0,) * 8, *sizes, *(0,) * 4) + name + comment


def directory(entries: bytes, said: int, *, is_zip64: bool = False) -> io.BytesIO:
    """A zip that is a directory alone, which says to have so many entries."""
    size, counts = len(entries), (min(said, 65_535),) * 2
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *counts, 0xFFFFFFFF if is_zip64 else size, 0, 0)
    if is_zip64:
        end = (
            struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, said, said, size, 0)
            + struct.pack("<4sLQL", b"PK\6\7", 0, size, 1)
            + end
        )
    return io.BytesIO(entries + end)


MANY = entry() * (MAX_PARTS + 1)
DIRECTORIES = {
    "many": (MANY, MAX_PARTS + 1, False),
    "many, said to be one": (MANY, 1, False),
    "many, in zip64": (MANY, MAX_PARTS + 1, True),
    "few, and long": (entry(comment=b"c" * 65_535) * 306, 306, False),
    "far too many": (entry() * 500_000, 1, True),
}


@pytest.mark.parametrize(("entries", "said", "is_zip64"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_a_directory_is_not_taken_apart_where_it_is_too_large(
    entries: bytes, said: int, is_zip64: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(zipfile, "ZipInfo")
    with pytest.raises(ValidationError) as refusal:
        list_parts(directory(entries, said, is_zip64=is_zip64))
    assert code_of(refusal) == "too_many_files"


def test_a_zip_of_as_many_files_as_may_be_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_PARTS", 3)
    assert len(list_parts(zip_of({f"{n}.md": "a" for n in range(3)}))) == 3
    with pytest.raises(ValidationError) as refusal:
        list_parts(zip_of({f"{n}.md": "a" for n in range(4)}))
    assert code_of(refusal) == "too_many_files"


# --- Entries, time, and how often -------------------------------------------------------------------------


def test_entries_are_counted_though_nothing_of_them_comes(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_diff, "MAX_ENTRIES", 10)
    assert stage_import(session(ada), file_of(["a", *[1] * 9])).counts["new"] == 1
    with pytest.raises(ValidationError) as refusal:
        stage_import(session(ada), file_of(["a", *[1] * 10]))
    assert code_of(refusal) == "too_many_entries"


def test_a_row_of_what_waits_is_short_however_long_the_histories_are(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = {"version": 1, "text": "b" * 100, "written_at": "2025-01-01T00:00:00Z"}
    lines = [json.dumps({"picard": 1, "text": f"a{n}", "version": 2, "history": [past]}) for n in range(6)]
    monkeypatch.setattr(import_diff, "ROW_CHARACTERS", 400)
    batch = stage_import(session(ada), file_of("\n".join(lines)))
    assert StagedMemories.objects.count() == 3
    import_run.start_import(session(ada), batch.pk)
    assert import_run.advance_import(session(ada), batch.pk, seconds=60).done == 6
    assert MemoryRevision.objects.count() == 6


def test_of_a_history_the_latest_comes(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_clean, "MAX_REVISIONS", 2)
    history = [{"version": n, "text": f"b{n}", "written_at": "2025-01-01T00:00:00Z"} for n in (1, 2, 3)]
    line = json.dumps({"picard": 1, "text": "a", "version": 4, "history": history})
    batch = stage_import(session(ada), file_of(line))
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk)
    assert [past.version for past in MemoryRevision.objects.order_by("version")] == [2, 3]


LATE: dict[str, Any] = {
    "lines": lambda: file_of(LOOKED),
    "JSON": lambda: file_of(["a"]),
    "notes": lambda: zip_of({f"{n}.md": "a" for n in range(3)}),
}


@pytest.mark.parametrize("make", LATE.values(), ids=LATE)
def test_a_look_ends_in_time_and_leaves_what_there_was(ada: User, make: Any) -> None:
    first = stage_import(session(ada), file_of(LOOKED))
    with pytest.raises(ValidationError) as refusal:
        stage_import(session(ada), make(), seconds=-1)
    assert code_of(refusal) == "takes_too_long"
    assert list(ImportBatch.objects.all()) == [first]
    assert StagedMemories.objects.count() == 1


def test_no_part_is_read_after_its_time() -> None:
    for make in LATE.values():
        with pytest.raises(ValidationError), archives.open_part(list_parts(make(), until=-1)[0]) as file:
            file.read(1)


def test_the_web_gives_a_look_less_time(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert import_stage.MAX_SECONDS_ONLINE < import_stage.MAX_SECONDS
    for door in (portability_views, portability):
        monkeypatch.setattr(door, "MAX_SECONDS_ONLINE", -1)
    page = ada_client.post("/memories/import/", {"text": LOOKED})
    assert (page.status_code, "takes too long. Nothing is lost" in page.content.decode()) == (422, True)
    answer = session_of(ada)("post", "/import/", LOOKED.encode())
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "takes_too_long")


def test_looks_are_counted_at_the_doors(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_stage, "PREVIEW_LIMIT", RateLimit("import", 1, 3_600))
    assert ada_client.post("/memories/import/", {"text": LOOKED}).status_code == 302
    assert ada_client.post("/memories/import/", {"text": LOOKED}).status_code == 429
    answer = session_of(ada)("post", "/import/", LOOKED.encode())
    assert (answer.status, answer.code, int(answer.headers["Retry-After"]) > 60) == (
        429,
        "rate_limited",
        True,
    )


# --- One at a time ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_another_look() -> None:
    ada, bob = make_person("ada"), make_person("bob")
    with ThreadPoolExecutor(1) as other, transaction.atomic():
        assert try_lock_owner(OwnerLock.IMPORT_PREVIEW, ada.pk)
        assert other.submit(_looks, ada).result() == "under way"
        assert other.submit(_looks, bob).result() == "looked"
        other.submit(connections.close_all).result()


def _looks(user: User) -> str:
    try:
        stage_import(session(user), file_of(LOOKED))
    except ImportInProgress:
        return "under way"
    return "looked"


@pytest.mark.django_db(transaction=True)
def test_a_yes_does_not_wait_for_a_look_which_gives_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_stage, "BATCH_SIZE", 1)
    ada = make_person("ada")
    first = stage_import(session(ada), file_of(LOOKED))
    with ThreadPoolExecutor(1) as other:

        def says_yes(_count: int) -> None:
            other.submit(import_run.start_import, session(ada), first.pk).result()

        with pytest.raises(ImportInProgress):
            stage_import(session(ada), file_of("[2025-01-01] - two"), say=says_yes)
        other.submit(connections.close_all).result()
    assert [batch.state for batch in ImportBatch.objects.all()] == ["running"]
