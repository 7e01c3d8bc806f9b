"""What an import says of each file holds for its preview and after the run."""

from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from memories.models import ImportBatch, Memory
from memories.portability.imports import run as import_run
from memories.portability.imports import staged_items
from memories.portability.imports.report import FileReport, load_reports
from memories.services import writes
from tests.factories import remember, session
from tests.memories.portability.imports.test_run import jsonl_file, run_import, saved_memories
from tests.memories.portability.samples.files import file_of, zip_of
from tests.memories.portability.staging import stage

pytestmark = pytest.mark.django_db


def reports_of(batch: ImportBatch) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    return {
        report.name.rsplit("/")[-1]: (
            {name: count for name, count in report.counts.items() if count},
            dict(report.skipped),
        )
        for report in load_reports(batch.report)
    }


def sum_up(batch: ImportBatch) -> dict[str, Any]:
    """Return the counts of the batch as the sum of its files."""
    total = FileReport("", "")
    for report in load_reports(batch.report):
        total.add(report)
    names = ("new", "changed", "duplicate")
    return {
        **{name: total.counts[name] for name in names},
        **{
            name: {key: count for key, count in getattr(total, name).items() if count}
            for name in ("skipped", "notes")
        },
    }


def check_sum(batch: ImportBatch) -> None:
    assert {
        name: batch.counts[name] for name in ("new", "changed", "duplicate", "skipped", "notes")
    } == sum_up(batch)


def test_each_file_is_told_before_and_after_the_run(ada: User) -> None:
    remember(ada, "I run.")
    file = zip_of(
        {
            "memories/a.json": '["I keep bees.", "I run.", "I keep bees.", ""]',
            "memories/b.json": '["I keep bees.", "I paint."]',
        }
    )
    batch = stage(session(ada), file)
    expected = {
        "a.json": ({"new": 1, "duplicate": 1}, {"repeated": 1, "blank": 1}),
        "b.json": ({"new": 1}, {"repeated": 1}),
    }
    assert reports_of(batch) == expected
    check_sum(batch)
    import_run.start_import(session(ada), batch.pk)
    batch = import_run.advance_import(session(ada), batch.pk)
    assert reports_of(batch) == expected
    check_sum(batch)


def test_file_with_only_duplicates_is_imported(ada: User) -> None:
    remember(ada, "I run.")
    [report] = load_reports(stage(session(ada), file_of(["I run."])).report)
    assert report.is_imported


def test_edit_after_the_preview_is_told(ada: User) -> None:
    memory = remember(ada, "I run.")
    Memory.objects.update(written_at="2025-01-01T00:00:00Z")
    lines = [
        {"id": str(memory.pk), "text": "I ran.", "updated_at": "2025-02-01T00:00:00Z"},
        {"text": "I paint."},
    ]
    batch = stage(session(ada), jsonl_file(*lines))
    assert reports_of(batch) == {"": ({"changed": 1, "new": 1}, {})}
    writes.update_memory(session(ada), memory.pk, text="I walk.")
    import_run.start_import(session(ada), batch.pk)
    batch = import_run.advance_import(session(ada), batch.pk)
    assert reports_of(batch) == {"": ({"new": 1}, {"older": 1})}
    check_sum(batch)


def test_what_a_stopped_import_leaves_out_is_told(
    ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_items, "ROW_ITEMS", 2)
    batch = stage(session(ada), file_of(["one", "two", "three", "four", "five"]))
    import_run.start_import(session(ada), batch.pk)
    settings.MEMORIES_PER_PERSON = 3
    batch = import_run.advance_import(session(ada), batch.pk)
    assert (batch.ended_by, batch.done, len(saved_memories(ada))) == ("room", 2, 2)
    assert reports_of(batch) == {"": ({"new": 2}, {"stopped": 3})}
    check_sum(batch)


def test_newer_of_two_lines_counts_its_notes_once(ada: User) -> None:
    line = {"id": "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e", "text": "old", "tags": ["a" * 60]}
    batch = stage(
        session(ada),
        jsonl_file(
            {**line, "updated_at": "2025-01-01T00:00:00Z"},
            {**line, "text": "new", "updated_at": "2025-02-01T00:00:00Z"},
        ),
    )
    assert (batch.counts["new"], batch.counts["notes"]) == (1, {"tags_dropped": 1})
    check_sum(batch)


@pytest.mark.parametrize(
    ("tags", "kept", "notes"),
    [
        ([f"tag {number}" for number in range(19)], 19, {}),
        ([f"tag {number}" for number in range(25)], 19, {"tags_dropped": 1}),
        (["a", "A", "a ", "", "b,c"], 3, {}),
        (["a" * 51, "b"], 1, {"tags_dropped": 1}),
    ],
)
def test_tags_beyond_the_limits_are_cut_and_told(
    ada: User, tags: list[str], kept: int, notes: dict[str, int]
) -> None:
    batch = run_import(session(ada), file_of([{"text": "I run.", "tags": tags}]))
    assert batch.counts["notes"] == notes
    [memory] = saved_memories(ada)
    assert memory.tags.count() == kept + 1  # that of the source


def test_notes_of_a_long_text_count_once(ada: User) -> None:
    batch = stage(
        session(ada),
        file_of([{"text": " ".join(f"Sentence {n}." for n in range(1_500)), "tags": ["a" * 51]}]),
    )
    assert (batch.counts["new"], batch.counts["notes"]) == (3, {"tags_dropped": 1})


def test_files_beyond_those_told_by_name_are_summed_up(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memories.portability.imports.report.MAX_FILES", 2)
    batch = stage(session(ada), zip_of({f"{n}.json": f'[{{"text": "memory {n}"}}]' for n in range(5)}))
    assert [(report.files, report.counts["new"]) for report in load_reports(batch.report)] == [
        (1, 1),
        (1, 1),
        (3, 3),
    ]
    check_sum(batch)
