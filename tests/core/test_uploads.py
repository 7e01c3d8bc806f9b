"""Forms with files: many, with folders, and what is wrong with one."""

import io
from typing import Any

import pytest
from django.core.exceptions import TooManyFilesSent
from django.http.multipartparser import MultiPartParserError

from core import uploads
from core.uploads import list_uploads, parse_upload_form

FILE = 'name="file"; filename="{}"'


def build_form(*parts: tuple[str, str], end: str = "--b--\r\n") -> io.BytesIO:
    body = "".join(
        f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n" for head, content in parts
    )
    return io.BytesIO(f"{body}{end}".encode())


def read_form(form: io.BytesIO) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    fields, files = parse_upload_form(form, b"b", "utf-8")
    read = [(name, file.read()) for file, name in list_uploads(files)]
    for file, _name in list_uploads(files):
        file.close()
    return fields.dict(), read


@pytest.mark.parametrize("path", ["Vault/Garden/Bohnen für Mai.md", "a%22b.md", f"{'x' * 4_000}/a.md"])
def test_names_keep_their_folders(path: str) -> None:
    fields, files = read_form(build_form(("name=chats", "all"), (FILE.format(path), "Sow.")))
    assert fields == {"chats": "all"}
    assert files == [(path.replace("%22", '"'), b"Sow.")]


def test_content_without_a_file_name_is_a_file_without_a_name() -> None:
    form = build_form(("name=text", "x" * 3_000_000), ('name="file"; filename=""', ""), ("name=file", "y"))
    assert read_form(form) == ({}, [("", b"x" * 3_000_000), ("", b"y")])


def test_files_can_be_read_by_turns() -> None:
    _fields, files = parse_upload_form(
        build_form((FILE.format("a"), "one two"), (FILE.format("b"), "three")), b"b", "utf-8"
    )
    (first, _a), (second, _b) = list_uploads(files)
    assert (first.read(4), second.read(2), first.read(), first.seek(-3, 2), first.read()) == (
        b"one ",
        b"th",
        b"two",
        4,
        b"two",
    )
    with pytest.raises(OSError, match="seek"):
        first.seek(-1)
    first.close()


@pytest.mark.parametrize("end", ["", "--b\r\n", "--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx"])
def test_form_that_is_cut_off_is_refused(end: str) -> None:
    with pytest.raises(MultiPartParserError, match="cut off"):
        read_form(build_form((FILE.format("a.txt"), "I keep bees."), end=end))


def test_last_boundary_may_lack_its_line_end() -> None:
    assert read_form(build_form((FILE.format("a"), "x"), end="--b--")) == ({}, [("a", b"x")])


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_FILES", 2)
    with pytest.raises(TooManyFilesSent):
        read_form(build_form(*[(FILE.format(number), "x") for number in range(3)]))
