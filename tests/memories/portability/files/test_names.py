"""The names of what was given: of Macs, old Windows and hostile zips."""

import struct
import unicodedata
import zlib
from pathlib import Path

import pytest

from memories.portability.files.archives import clean_name
from tests.memories.portability.files.zips import UTF8, Member, make_line, store_zip, write_zip
from tests.memories.portability.reading import read_file, read_sources

NOTE = make_line("I keep bees.")
TITLES = ("Café à Gand", "日記", "יומן", "Дневник", "Übung 🐝")


def read_names(*members: Member) -> list[str]:
    return sorted(read_file(write_zip(members)).files)


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("flags", [0, UTF8])
def test_names_of_macs_are_read_with_and_without_the_flag_of_utf8(title: str, form: str, flags: int) -> None:
    raw = unicodedata.normalize(form, f"{title}.jsonl").encode()  # type: ignore[arg-type]
    assert read_names(Member(raw, NOTE, flags)) == [f"{title}.jsonl"]


def test_names_of_old_windows_are_kept() -> None:
    assert read_names(Member("Übung.jsonl".encode("cp437"), NOTE)) == ["Übung.jsonl"]


def test_utf8_name_in_the_extra_field_is_read_if_it_is_of_this_name() -> None:
    def extra(of: bytes) -> bytes:
        content = struct.pack("<BI", 1, zlib.crc32(of)) + "Żółw.jsonl".encode()
        return struct.pack("<HH", 0x7075, len(content)) + content

    raw = b"Z_lw.jsonl"
    padding = struct.pack("<HH", 0x5455, 1) + b"x"
    assert read_names(Member(raw, NOTE, extra=padding + extra(raw))) == ["Żółw.jsonl"]
    assert read_names(Member(raw, NOTE, extra=extra(b"other.jsonl"))) == ["Z_lw.jsonl"]
    for cut in range(len(extra(raw))):
        assert read_names(Member(raw, NOTE, extra=struct.pack("<HH", 0x7075, cut) + b"x" * cut)) == [
            "Z_lw.jsonl"
        ]


def test_backslashes_separate_folders() -> None:
    outcome = read_file(
        write_zip(
            [
                Member(b"V\\", b""),
                Member(b"V\\.obsidian\\app.json", b'{"promptDelete": false}'),
                Member(b"V\\Bees.jsonl", NOTE),
            ]
        )
    )
    assert sorted(outcome.files) == ["V/.obsidian/app.json", "V/Bees.jsonl"]
    assert outcome.files["V/.obsidian/app.json"].skipped == {"not_content": 1}
    assert len(outcome.files["V/Bees.jsonl"].items) == 1


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../a.jsonl", "a.jsonl"),
        ("C:\\..\\a.jsonl", "C:/a.jsonl"),
        ("./a//b.jsonl", "a/b.jsonl"),
        ("a\0.jsonl", "a.jsonl"),
        ("..", "_"),
        ("/", "_"),
        ("", ""),
    ],
)
def test_no_name_leads_out_of_its_folder(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_member_named_dots_is_read() -> None:
    assert read_names(Member(b"..", NOTE), Member(b"a.jsonl", NOTE)) == ["_", "a.jsonl"]


def test_members_of_the_same_name_are_all_read() -> None:
    zipped = store_zip([("a.jsonl", NOTE), ("A.jsonl", make_line("I run."))])
    assert sorted(read_file(zipped).texts) == ["I keep bees.", "I run."]


def test_folder_member_with_content_is_read() -> None:
    assert read_names(Member(b"folder/", b""), Member(b"note/", NOTE)) == ["note"]


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_bytes(make_line("Not given."))
    given = tmp_path / "given"
    (given / "sub").mkdir(parents=True)
    (given / "a.jsonl").write_bytes(NOTE)
    (given / "file.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (given / "folder").symlink_to(tmp_path)
    (given / "gone.jsonl").symlink_to(tmp_path / "nothing")
    outcome = read_sources(given)
    assert outcome.texts == ["I keep bees."]
    assert {name: dict(file.skipped) for name, file in outcome.files.items() if not file.items} == {
        "file.jsonl": {"link": 1}, "folder": {"link": 1}, "gone.jsonl": {"link": 1},
    }  # fmt: skip


def test_link_in_a_zip_is_named_and_not_read() -> None:
    link = Member(b"link.jsonl", b"/etc/passwd", attributes=0o120777 << 16)
    outcome = read_file(write_zip([link, Member(b"a.jsonl", NOTE)]))
    assert outcome.texts == ["I keep bees."]
    assert outcome.files["link.jsonl"].skipped == {"link": 1}


def test_hidden_files_are_named_and_not_read() -> None:
    files = {
        ".DS_Store": b"\0\0\0\1Bud1\0\0\x10\0",
        "__MACOSX/._a.md": b"\0\5\x16\7\0\2\0\0Mac OS X        \0\2\0\0\0\t",
        ".obsidian/app.json": b'{"promptDelete": false}',
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0",
    }
    outcome = read_file(store_zip([("a.jsonl", NOTE), *files.items()]))
    assert outcome.texts == ["I keep bees."]
    left_out = {(name, reason) for name, file in outcome.files.items() for reason in file.skipped}
    assert left_out == {(name, "not_content") for name in files}
