"""What unpacks to far more than it is, or parses to far more than its text, is refused before it is unpacked."""

import gzip
import io
import json
import struct
import zipfile
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from memories.portability.files import archives, json_stream, streams
from memories.portability.files.archives import NamedFile, list_parts
from memories.portability.files.zip_members import MAX_MEMBERS
from tests.memories.portability.files.zips import Member, make_line, store_zip, write_zip
from tests.memories.portability.reading import Outcome, read_file, read_sources

MB = 1_000_000
ZEROS = bytes(20 * MB)
BEES = make_line("I keep bees.")


def get_refusal(content: bytes, name: str = "bomb.zip") -> str:
    """Return the code of the error with which a file is refused."""
    with pytest.raises(ValidationError) as refusal:
        read_file(content, name)
    return str(refusal.value.error_dict["file"][0].code)


def deflate_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.json", "a.zip", "a.gz", "a.jsonl"])
def test_member_that_unpacks_to_a_thousand_times_its_size_is_refused(name: str) -> None:
    bomb = deflate_zip({name: ZEROS})
    assert get_refusal(bomb) == "zip_bomb"
    assert get_refusal(store_zip([("inner.zip", bomb), ("a.jsonl", BEES)])) == "zip_bomb"


def test_zip_of_many_small_bombs_is_refused() -> None:
    zeros = ZEROS[: MB - 1]
    packed = write_zip([Member(b"%d.jsonl" % n, zeros, is_deflated=True, crc=0) for n in range(100)])
    assert len(packed) < 200_000
    assert get_refusal(packed) == "zip_bomb"


def test_members_that_share_their_packed_data_are_refused() -> None:
    """David Fifield's bomb: every entry of the directory names the same packed bytes."""
    text = json.dumps(list(range(200_000))).encode()
    first = Member(b"0.json", text, is_deflated=True)
    members = [first, *(Member(b"0.json", text, is_deflated=True, at=0) for _ in range(50))]
    assert get_refusal(write_zip(members)) == "zip_bomb"
    assert len(list_parts([NamedFile(io.BytesIO(write_zip([first])))])) == 1


def test_layers_of_small_bombs_are_refused() -> None:
    inner = deflate_zip({"a.jsonl": ZEROS[: MB - 1]})
    middle = deflate_zip({f"{n}.zip": inner for n in range(100)})
    assert get_refusal(deflate_zip({f"{n}.zip": middle for n in range(100)})) == "zip_bomb"


@pytest.mark.parametrize("name", ["a.json.gz", "a.zip.gz", "a.gz.gz", "a.txt.gz", ""])
def test_gzip_that_unpacks_to_a_thousand_times_its_size_is_refused(name: str) -> None:
    bomb = gzip.compress(b"[" + b" " * (20 * MB), 9)
    assert get_refusal(bomb, name) == "zip_bomb"
    assert get_refusal(store_zip([(name or "a.gz", bomb), ("b.jsonl", BEES)])) == "zip_bomb"


def test_many_small_gzip_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MIN_TOTAL_BYTES", 5 * MB)
    monkeypatch.setattr(archives, "MAX_RATIO", 20)
    bomb = gzip.compress(b"[" + b" " * (MB - 2), 9)
    assert len(bomb) < 1_100
    assert get_refusal(store_zip([(f"{n}.json.gz", bomb) for n in range(500)])) == "zip_bomb"


def test_total_of_what_is_unpacked_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 100_000)
    files = [(f"{n}.jsonl", BEES * 400) for n in range(4)]
    assert read_file(store_zip(files)).items
    assert get_refusal(store_zip([*files, ("x.jsonl", BEES * 1_200)])) == "zip_bomb"


def test_text_that_compresses_well_is_read() -> None:
    """A ratio that occurs: exports of machines repeat themselves, and small files are never bombs."""
    lines = b"".join(make_line(f"I have {n} pens.") for n in range(12_000))
    assert len(read_file(deflate_zip({"a.jsonl": lines})).items) == 12_000
    assert len(read_file(deflate_zip({f"{n}.jsonl": BEES * 200 for n in range(50)})).items) == 50 * 200


def test_more_files_than_the_limit_are_refused_before_the_directory_is_parsed() -> None:
    entry = b"PK\1\2" + bytes(42)
    directory = entry * (MAX_MEMBERS + 1)
    end = struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    zipped = b"PK\3\4" + bytes(26) + directory + b"PK\5\6" + end
    assert get_refusal(zipped) == "too_many_files"
    assert get_refusal(store_zip([("a.jsonl", BEES), ("b.zip", zipped)])) == "too_many_files"


def test_more_files_in_several_zips_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_PARTS", 50)
    inner = store_zip([(f"{n}.jsonl", BEES) for n in range(20)])
    assert len(list_parts([NamedFile(io.BytesIO(store_zip([("a.zip", inner), ("b.zip", inner)])))])) == 40
    assert get_refusal(store_zip([(f"{n}.zip", inner) for n in range(3)])) == "too_many_files"


def test_directory_that_claims_to_be_huge_is_refused() -> None:
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, 0x7FFFFFFF, 0, 0)
    assert get_refusal(b"PK\3\4" + bytes(100) + b"PK\5\6" + end) in (
        "broken_zip",
        "too_many_files",
        "unknown_kind",
    )


JSON_BOMBS = {
    "lists": b"[" * 100_000,
    "closed lists": b"[" * 50_000 + b"]" * 50_000,
    "objects": b'{"a":' * 40_000,
    "memories": b'[{"memory":"a"},' + b'{"b":' * 40_000,
    "long number": b'[{"memory":"I keep bees.","id":' + b"9" * 150_000 + b"}]",
    "large exponent": b'[{"memory":"I keep bees.","score":1e' + b"9" * 1_000 + b"}]",
    "endless string": b'[{"memory":"' + b"a" * 250_000,
    "endless key": b'[{"' + b"a" * 250_000,
    "many keys": b"[{" + b",".join(b'"%d":0' % n for n in range(10_000)) + b"}]",
    "empty values": b'[{"memory":[' + b"[]," * 15_000 + b"[]]}]",
    "lone surrogates": b'[{"memory":"' + b"\\ud800" * 20_000 + b'"}]',
    "white space": b"[" + b" " * 250_000 + b"]",
}


@pytest.mark.parametrize("content", JSON_BOMBS.values(), ids=JSON_BOMBS)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "conversations.json"])
def test_json_bomb_is_refused_or_left_out(content: bytes, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_VALUE_BYTES", 200_000)
    monkeypatch.setattr(json_stream, "MAX_VALUE_EVENTS", 20_000)
    monkeypatch.setattr(streams, "MAX_LINE_CHARACTERS", 200_000)
    outcome = read_or_refuse(content, name)
    assert outcome is None or sum(len(item.text) for item in outcome.items) <= 100_000
    beside = read_file(store_zip([(name, content), ("bees.jsonl", BEES)]))
    assert "I keep bees." in beside.files["bees.jsonl"].texts
    assert beside.files[name].skipped or beside.files[name].items


def read_or_refuse(content: Any, name: str) -> Outcome | None:
    try:
        return read_sources(NamedFile(io.BytesIO(content), name))
    except ValidationError:
        return None
