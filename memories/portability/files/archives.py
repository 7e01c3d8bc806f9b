"""List the files in what was given: files, zips in zips, gzip files and folders, all with bounded work."""

import gzip
import io
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.portability.files.copies import CopiedFiles
from memories.portability.files.parts import (
    ARCHIVE_ERRORS,
    Part,
    check_deadline,
    make_bomb_error,
    make_file_error,
    make_too_many_files_error,
)
from memories.portability.files.views import FileView, PathView, SeekableFileView
from memories.portability.files.zip_members import (
    MAX_RATIO,
    MIN_RATIO_BYTES,
    decode_name,
    find_fault,
    get_modified_at,
    is_zip,
    list_members,
    make_member_opener,
    open_zip,
)

MAX_PARTS = 100_000
MAX_TOTAL_BYTES = 8_000_000_000  # maximum unpacked size of all that was given
MAX_INNER_BYTES = 2_000_000_000  # of zips in zips, which are unpacked to temporary files
MAX_ZIP_DEPTH = 3
MIN_TOTAL_BYTES = 50_000_000  # the ratio of all that was given is not checked for less
GZIP_READINGS = 3  # a part is read to detect its format, sometimes further, and to import it
ZIP_SIGNATURES = (b"PK\3\4", b"PK\5\6")
GZIP_SIGNATURE = b"\x1f\x8b\x08"
CHUNK_BYTES = 1 << 20
PACKED_SUFFIXES = frozenset({".bear2bk", ".bearbk", ".bearnote", ".gz", ".textpack", ".zip"})
NAMELESS = "_"  # the name of a file whose own leads out of its folder
DOCUMENT_SUFFIXES = frozenset(
    {
        ".apk",
        ".apkg",
        ".colpkg",
        ".docx",
        ".epub",
        ".jar",
        ".key",
        ".numbers",
        ".odp",
        ".ods",
        ".odt",
        ".pages",
        ".pptx",
        ".xlsx",
    }
)  # one document each, although they are zips


@dataclass(frozen=True)
class NamedFile:
    """An open file that was given, and the name that its sender gave it, which may be a path; empty if none."""

    file: IO[bytes]
    name: str = ""


Source = NamedFile | Path


def list_parts(sources: Iterable[Source], deadline: float = math.inf) -> list[Part]:
    """List the files in what was given, those that cannot be read too.

    deadline: monotonic time after which no part is read. Raises ValidationError (file) for a zip bomb, too many files,
    an empty source, and for a corrupt or locked zip that is all that was given.
    """
    given = [part for source in sources for part in _open_source(source)]
    listing = _Listing(deadline, sum(part.size for part in given))
    for part in given:
        for found in listing.unpack(part, alone=len(given) == 1):
            listing.parts.append(found)
            if len(listing.parts) > MAX_PARTS:
                raise make_too_many_files_error(MAX_PARTS)
    if not any(part.size for part in listing.parts):
        raise make_file_error(_("The file is empty."), "empty")
    return [replace(part, deadline=deadline) for part in listing.parts]


def _open_source(source: Source) -> Iterator[Part]:
    if isinstance(source, NamedFile):
        size = source.file.seek(0, io.SEEK_END)
        yield Part(clean_name(source.name), size, _make_reopener(source.file))
    elif source.is_dir():
        yield from _list_folder_parts(source)
    else:
        yield _make_path_part(source, source.name)


def clean_name(name: str) -> str:
    """Return a path with forward slashes, in the composed form (NFC), without what leads out of a folder."""
    name = name.encode("utf-8", "replace").decode()  # names on disk may be no UTF-8
    parts = unicodedata.normalize("NFC", name.replace("\\", "/").replace("\0", "")).split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or (name and NAMELESS)


def _make_reopener(file: IO[bytes]) -> Callable[[], IO[bytes]]:
    return lambda: cast(IO[bytes], SeekableFileView(file))


def _list_folder_parts(folder: Path) -> Iterator[Part]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield _make_path_part(path, path.relative_to(folder).as_posix())


def _make_path_part(path: Path, name: str) -> Part:
    status = path.lstat() if path.is_symlink() else path.stat()
    return Part(
        clean_name(name),
        status.st_size,
        lambda: cast(IO[bytes], PathView(path)),
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        fault="link" if path.is_symlink() else "" if path.is_file() else "unknown_kind",  # such as a pipe
    )


class _Listing:
    """The parts found so far, and the bytes that they unpack to. given_bytes: the size of all that was given."""

    def __init__(self, deadline: float, given_bytes: int) -> None:
        self.parts: list[Part] = []
        self._deadline = deadline
        self._max_bytes = min(MAX_TOTAL_BYTES, max(MIN_TOTAL_BYTES, MAX_RATIO * given_bytes))
        self._total_bytes = self._inner_bytes = self._gzip_bytes = 0
        self._copies = CopiedFiles()

    def unpack(self, part: Part, *, alone: bool = False, depth: int = 0) -> Iterator[Part]:
        """Yield the part, or what it contains. alone: it is all that was given, so that a fault of it is an error."""
        if not part.size or part.fault:
            yield part
            return
        try:
            with part.open() as file:
                start = file.read(4)
        except ARCHIVE_ERRORS:
            yield replace(part, fault="broken")
            return
        if start.startswith(GZIP_SIGNATURE):
            yield from self._unpack_gzip(part, depth)
        elif (alone or start in ZIP_SIGNATURES) and part.suffix not in DOCUMENT_SUFFIXES and is_zip(part):
            try:
                yield from self._unpack_zip(
                    part, "" if alone else f"{part.name}/" if part.name else "", depth
                )
            except ValidationError as error:
                code = error.error_dict["file"][0].code
                if alone or code not in ("broken_zip", "locked_zip"):
                    raise
                yield replace(part, fault=code)
        elif not alone and part.suffix == ".zip" and start in ZIP_SIGNATURES:
            yield replace(part, fault="broken_zip")
        else:
            self._add_bytes(part.size)
            yield part

    def _add_bytes(self, size: int) -> None:
        self._total_bytes += size
        if self._total_bytes > self._max_bytes:
            raise make_bomb_error()

    def _add_gzip_bytes(self, size: int) -> None:
        self._gzip_bytes += size
        if self._gzip_bytes > GZIP_READINGS * self._max_bytes:
            raise make_bomb_error()

    def _unpack_gzip(self, part: Part, depth: int) -> Iterator[Part]:
        name = part.name[:-3] if part.suffix == ".gz" else part.name
        opener = lambda: cast(IO[bytes], _BoundedGzipFile(part, self._add_gzip_bytes))  # noqa: E731
        inner = replace(part, name=name, open=opener)
        if depth < MAX_ZIP_DEPTH and inner.suffix in PACKED_SUFFIXES:
            yield from self.unpack(self._copy(inner), depth=depth + 1)
        else:
            yield inner

    def _unpack_zip(self, part: Part, prefix: str, depth: int) -> Iterator[Part]:
        if depth >= MAX_ZIP_DEPTH:
            yield replace(part, fault="too_deep_zip")
            return
        archive = open_zip(part)
        members = list_members(archive, part.size)
        if not members and depth:
            yield replace(part, fault="no_memories")
        for info in members:
            check_deadline(self._deadline)
            member = Part(
                prefix + clean_name(decode_name(info)),
                info.file_size,
                make_member_opener(archive, info),
                modified_at=get_modified_at(info),
                fault=find_fault(info),
            )
            if member.suffix in PACKED_SUFFIXES and not member.fault:
                yield from self.unpack(
                    member if member.suffix == ".gz" else self._copy(member), depth=depth + 1
                )
            else:
                self._add_bytes(member.size)
                yield member

    def _copy(self, part: Part) -> Part:
        """Copy a packed file: a zip is read from its end."""
        start = self._copies.size
        try:
            with part.open() as file:
                while data := file.read(CHUNK_BYTES):
                    check_deadline(self._deadline)
                    self._inner_bytes += len(data)
                    if self._inner_bytes > MAX_INNER_BYTES:
                        raise make_bomb_error()
                    self._copies.append(data)
        except ARCHIVE_ERRORS:
            return replace(part, fault="broken_zip")
        size = self._copies.size - start
        return replace(part, size=size, open=self._copies.make_opener(start, size))


class _BoundedGzipFile(FileView):
    """The unpacked bytes of a gzip part, whose size is not known before. on_read: receives the number of bytes.

    What comes before damage is read; the error is raised after it.
    """

    def __init__(self, part: Part, on_read: Callable[[int], None]) -> None:
        self._packed = part.open()
        self._gzip = gzip.GzipFile(fileobj=self._packed)
        super().__init__(cast(IO[bytes], self._gzip))
        self._limit = min(MAX_TOTAL_BYTES, max(MIN_RATIO_BYTES, MAX_RATIO * part.size))
        self._count = 0
        self._on_read = on_read
        self._error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        data = self._read_until_damage(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
        self._count += len(data)
        self._on_read(len(data))
        if self._count > self._limit:
            raise make_bomb_error()
        return data

    def _read_until_damage(self, size: int) -> bytes:
        data = b""
        while len(data) < size and self._error is None:
            try:
                more = self._gzip.read1(size - len(data))
            except ARCHIVE_ERRORS as error:
                self._error = error
            else:
                if not more:
                    break
                data += more
        if self._error is not None and not data:
            raise self._error
        return data

    def close(self) -> None:
        self._packed.close()
        super().close()
