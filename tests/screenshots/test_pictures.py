"""The pictures of the documentation exist, are small, and are those that `make screenshots` takes."""

import re
import struct
from collections.abc import Iterator

from picard.config.languages import list_languages
from tests.processes import PROJECT
from tests.screenshots.demo import FOLDER
from tests.screenshots.languages import LANGUAGES
from tests.screenshots.pages import list_names
from tests.screenshots.walk import FILE, LENGTH_S, MAX_BYTES

MAX_PICTURE_BYTES, MAX_TOTAL_BYTES = 80_000, 6_000_000


def test_readme_shows_pictures_with_texts_for_those_who_do_not_see_them() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r'(?:src|srcset)="([^"]+)"', readme)
    assert [path for path in shown if not (PROJECT / path).is_file()] == []
    assert "docs/screenshots/walk.webp" in shown
    assert all(re.search(r' alt="[^"]{20,}"', image) for image in re.findall(r"<img[^>]+>", readme))


def test_screenshots_are_those_of_the_listed_pages() -> None:
    names = {file.name for file in FOLDER.glob("*.webp")}
    assert names == list_names() | {FILE.name}
    codes = {code for code, _name in list_languages(PROJECT / "locale")}
    assert {file.stem for file in LANGUAGES.glob("*.webp")} <= codes


def test_screenshots_are_small() -> None:
    pictures = {file.name: file.stat().st_size for file in FOLDER.rglob("*.webp") if file != FILE}
    assert {name: size for name, size in pictures.items() if size > MAX_PICTURE_BYTES} == {}
    assert sum(pictures.values()) < MAX_TOTAL_BYTES


def test_walk_is_short_and_small() -> None:
    data = FILE.read_bytes()
    assert len(data) < MAX_BYTES
    times_ms = [
        int.from_bytes(chunk[12:15], "little") for name, chunk in _read_chunks(data) if name == b"ANMF"
    ]
    assert LENGTH_S[0] <= sum(times_ms) / 1000 <= LENGTH_S[1]


def _read_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk of a WebP file."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    position = 12
    while position < len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
