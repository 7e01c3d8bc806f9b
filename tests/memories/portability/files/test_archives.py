"""Zips in zips, gzip files, folders and several files at once; of a damaged zip, what is whole comes."""

import gc
import gzip
import io
import os
import random
import resource
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from memories.portability.files import archives
from memories.portability.files.archives import MAX_ZIP_DEPTH, NamedFile, list_parts
from tests.memories.portability.files.zips import ENCRYPTED, Member, make_line, nest_zip, store_zip, write_zip
from tests.memories.portability.reading import Outcome, read_file, read_folder, read_sources

BEES, RUN = make_line("I keep bees."), make_line("I run.")
LINES = b"".join(make_line(f"I have {n} pens.") for n in range(2_000))


def get_refusal(*contents: Any) -> str:
    """Return the code of the error with which these files are refused."""
    with pytest.raises(ValidationError) as refusal:
        read_sources(*(NamedFile(io.BytesIO(content), f"{n}.zip") for n, content in enumerate(contents)))
    return str(refusal.value.error_dict["file"][0].code)


def get_left_out(outcome: Outcome) -> dict[str, dict[str, int]]:
    return {name: dict(file.skipped) for name, file in outcome.files.items() if file.skipped}


def count_descriptors() -> int:
    gc.collect()  # what earlier tests and tracebacks hold
    return len(os.listdir("/proc/self/fd"))


def test_zips_in_zips_are_read_to_a_depth() -> None:
    for depth in range(MAX_ZIP_DEPTH):
        zipped = nest_zip(store_zip([("a.jsonl", BEES)]), depth)
        assert read_file(zipped).texts == ["I keep bees."], depth


def test_zip_within_too_many_zips_is_named() -> None:
    deep = nest_zip(store_zip([("a.jsonl", BEES)]), MAX_ZIP_DEPTH)
    outcome = read_file(store_zip([("deep.zip", deep), ("b.jsonl", RUN)]))
    assert outcome.texts == ["I run."]
    assert get_left_out(outcome) == {"deep.zip/inner.zip/inner.zip": {"too_deep_zip": 1}}


def test_zip_that_contains_itself_ends() -> None:
    assert get_refusal(nest_zip(store_zip([("a.jsonl", BEES)]), 200)) == "too_deep_zip"


def test_gzip_files_are_read_alone_in_zips_and_around_zips() -> None:
    packed_zip = gzip.compress(store_zip([("c.jsonl", RUN)]))
    zipped = store_zip([("a.jsonl.gz", gzip.compress(BEES)), ("b.zip.gz", packed_zip)])
    outcome = read_file(zipped)
    assert sorted(outcome.files) == ["a.jsonl", "b.zip/c.jsonl"]
    assert sorted(outcome.texts) == ["I keep bees.", "I run."]
    assert len(read_file(gzip.compress(LINES), "a.jsonl.gz").items) == 2_000


def test_gzip_of_several_members_is_read_whole() -> None:
    half = LINES.index(b"\n", len(LINES) // 2) + 1
    packed = gzip.compress(LINES[:half]) + gzip.compress(LINES[half:])
    assert len(read_file(packed, "a.jsonl.gz").items) == 2_000


def test_cut_off_gzip_is_read_to_the_damage_which_is_named() -> None:
    packed = gzip.compress(LINES)
    files = [NamedFile(io.BytesIO(packed[:-2_000]), "a.jsonl.gz"), NamedFile(io.BytesIO(BEES), "b.jsonl")]
    outcome = read_sources(*files)
    assert outcome.files["a.jsonl"].skipped["broken"] == 1
    assert len(outcome.files["a.jsonl"].items) > 500
    assert outcome.files["b.jsonl"].texts == ["I keep bees."]


def test_several_files_folders_and_zips_are_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jsonl").write_bytes(BEES)
    inner = store_zip([("e.jsonl", make_line("I paint."))])
    (tmp_path / "b.zip").write_bytes(store_zip([("c.jsonl", RUN), ("d.zip", inner)]))
    uploaded = NamedFile(io.BytesIO(make_line("I sail.")), "f.jsonl")
    outcome = read_sources(tmp_path, uploaded, tmp_path / "sub" / "a.jsonl")
    assert sorted(outcome.files) == [
        "a.jsonl",
        "b.zip/c.jsonl",
        "b.zip/d.zip/e.jsonl",
        "f.jsonl",
        "sub/a.jsonl",
    ]
    assert sorted(outcome.texts) == ["I keep bees.", "I keep bees.", "I paint.", "I run.", "I sail."]


@pytest.mark.parametrize("damage", ["checksum", "packed bytes", "declared too short", "method", "no header"])
def test_damaged_member_is_named_and_loses_no_other(damage: str) -> None:
    bad = {
        "checksum": Member(b"bad.jsonl", BEES, crc=1),
        "packed bytes": Member(b"bad.jsonl", BEES * 100, is_deflated=True),
        "declared too short": Member(b"bad.jsonl", BEES, size=5),
        "method": Member(b"bad.jsonl", BEES),
        "no header": Member(b"bad.jsonl", BEES),
    }[damage]
    zipped = write_zip([Member(b"a.jsonl", RUN), bad, Member(b"c.jsonl", make_line("I paint."))])
    at = zipped.index(b"bad.jsonl")
    if damage == "packed bytes":
        zipped = zipped[: at + 6] + b"\xff" * 5 + zipped[at + 11 :]
    elif damage == "method":
        last = zipped.rindex(b"bad.jsonl")
        zipped = zipped[: last - 36] + b"\x63" + zipped[last - 35 :]
    elif damage == "no header":
        zipped = zipped[: at - 30] + b"XX" + zipped[at - 28 :]
    outcome = read_file(zipped)
    assert sorted(outcome.texts) == ["I paint.", "I run."]
    assert get_left_out(outcome) == {"bad.jsonl": {"broken": 1}}


def test_damaged_zip_among_files_is_named() -> None:
    good = store_zip([("a.jsonl", BEES), ("b.jsonl", RUN)])
    outcome = read_file(
        store_zip([("cut.zip", good[:-30]), ("bad.zip", b"PK\3\4 no zip"), ("c.jsonl", BEES)])
    )
    assert outcome.texts == ["I keep bees."]
    assert get_left_out(outcome) == {"cut.zip": {"broken_zip": 1}, "bad.zip": {"broken_zip": 1}}


def test_damaged_gzip_in_a_zip_is_named() -> None:
    member = Member(b"a.jsonl.gz", gzip.compress(BEES), crc=1)
    outcome = read_file(write_zip([member, Member(b"b.jsonl", RUN)]))
    assert outcome.texts == ["I run."]
    assert get_left_out(outcome) == {"a.jsonl.gz": {"broken": 1}}


def test_cut_off_zip_alone_is_refused() -> None:
    good = store_zip([("a.jsonl", BEES), ("b.jsonl", RUN)])
    for end in (4, 30, len(good) // 2, len(good) - 1):
        assert get_refusal(good[:end]), end


def test_locked_member_is_named_and_loses_no_other() -> None:
    locked = Member(b"diary.jsonl", b"\x8f\x01\x02", ENCRYPTED)
    outcome = read_file(write_zip([locked, Member(b"b.jsonl", RUN)]))
    assert outcome.texts == ["I run."]
    assert get_left_out(outcome) == {"diary.jsonl": {"locked_zip": 1}}
    assert get_refusal(write_zip([locked])) == "locked_zip"
    outcome = read_file(store_zip([("locked.zip", write_zip([locked])), ("b.jsonl", RUN)]))
    assert get_left_out(outcome) == {"locked.zip": {"locked_zip": 1}}


def test_documents_that_are_zips_are_named_as_one_file() -> None:
    office = store_zip([("word/document.xml", b"<w/>"), ("a.jsonl", BEES)])
    outcome = read_file(store_zip([("a.docx", office), ("b.jsonl", RUN)]))
    assert outcome.texts == ["I run."]
    assert get_left_out(outcome) == {"a.docx": {"attachment": 1}}


def test_pipe_in_a_folder_is_named_and_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(BEES)
    os.mkfifo(tmp_path / "pipe.jsonl")
    outcome = read_folder(tmp_path)
    assert outcome.texts == ["I keep bees."]
    assert list(get_left_out(outcome)) == ["pipe.jsonl"]


@pytest.mark.parametrize("date", [0, 0x21, 0xFFFF])
def test_member_without_a_date_has_none(date: int) -> None:
    [part] = list_parts([NamedFile(io.BytesIO(write_zip([Member(b"a.jsonl", BEES, date=date)])))])
    assert part.modified_at is None


def test_no_descriptor_is_left_of_nested_zips() -> None:
    noise = random.Random(1).randbytes(20_000)
    inner = store_zip([("a.jsonl", BEES), ("noise.bin", noise)])
    before = count_descriptors()
    parts = list_parts([NamedFile(io.BytesIO(store_zip([(f"{n}.zip", inner) for n in range(300)])))])
    assert len(parts) == 600
    assert count_descriptors() == before + 1  # one temporary file for all copies
    assert [part.open().read() for part in parts[-2:]] == [BEES, noise]
    del parts
    assert count_descriptors() == before


def test_folder_of_many_zips_needs_few_descriptors(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.zip").write_bytes(store_zip([("a.jsonl", BEES)]))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count_descriptors() + 20, hard))
    try:
        assert len(read_folder(tmp_path).items) == 60
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_copies_of_zips_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_INNER_BYTES", 10_000)
    noise = random.Random(1).randbytes(3_000)
    inner = store_zip([("a.jsonl", BEES), ("noise.bin", noise)])
    assert len(list_parts([NamedFile(io.BytesIO(store_zip([(f"{n}.zip", inner) for n in range(3)])))])) == 6
    before = count_descriptors()
    assert get_refusal(store_zip([(f"{n}.zip", inner) for n in range(4)])) == "zip_bomb"
    assert count_descriptors() == before
