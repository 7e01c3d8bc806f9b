"""List the files in what was given: files, zips in zips, gzip files and folders, all with bounded work."""

import gzip
import io
import math
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.portability.files.parts import (
    ARCHIVE_ERRORS,
    Part,
    check_deadline,
    make_broken_archive_error,
    make_file_error,
)
from memories.portability.files.views import FileView, SeekableFileView

MAX_PARTS = 100_000
DIRECTORY_ENTRY = b"PK\1\2"  # signature of a central directory entry
MAX_DIRECTORY_BYTES = 20_000_000  # maximum size of the zip directory: 200 per member
MAX_TOTAL_BYTES = 8_000_000_000  # maximum unpacked size of all that was given
MAX_INNER_BYTES = 2_000_000_000  # of zips in zips, which are unpacked to temporary files
MAX_ZIP_DEPTH = 3
MAX_RATIO = 200  # unpacked to packed; JSON compresses about 10:1, a deflate bomb about 1000:1
MIN_RATIO_BYTES = 1_000_000  # the ratio of smaller members is not checked
ZIP_SIGNATURES = (b"PK\3\4", b"PK\5\6")
GZIP_SIGNATURE = b"\x1f\x8b\x08"
CHUNK_BYTES = 1 << 20
SPOOL_BYTES = 4_000_000
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
UTF8_NAME = 0x800  # flag of a zip member whose name is UTF-8
ENCRYPTED = 0x1
EARLIEST_ZIP_YEAR = 1980


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
    listing = _Listing(deadline)
    given = [part for source in sources for part in _open_source(source)]
    for part in given:
        for found in listing.unpack(part, alone=len(given) == 1):
            listing.parts.append(found)
            if len(listing.parts) > MAX_PARTS:
                raise _make_too_many_files_error()
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
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _make_reopener(file: IO[bytes]) -> Callable[[], IO[bytes]]:
    return lambda: cast(IO[bytes], SeekableFileView(file))


def _list_folder_parts(folder: Path) -> Iterator[Part]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield _make_path_part(path, path.relative_to(folder).as_posix())


def _make_path_part(path: Path, name: str) -> Part:
    status = path.stat()
    return Part(
        clean_name(name),
        status.st_size,
        lambda: path.open("rb"),
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
    )


class _Listing:
    """The parts found so far, and the bytes that they unpack to."""

    def __init__(self, deadline: float) -> None:
        self.parts: list[Part] = []
        self._deadline = deadline
        self._total_bytes = 0
        self._inner_bytes = 0

    def unpack(self, part: Part, *, alone: bool = False, depth: int = 0) -> Iterator[Part]:
        """Yield the part, or what it contains. alone: it is all that was given, so that a fault of it is an error."""
        if not part.size or part.fault:
            yield part
            return
        with part.open() as file:
            start = file.read(4)
        if start.startswith(GZIP_SIGNATURE):
            yield from self._unpack_gzip(part, depth)
        elif (alone or start in ZIP_SIGNATURES) and part.suffix not in DOCUMENT_SUFFIXES and _is_zip(part):
            try:
                yield from self._unpack_zip(
                    part, "" if alone else f"{part.name}/" if part.name else "", depth
                )
            except ValidationError as error:
                code = error.error_dict["file"][0].code
                if alone or code not in ("broken_zip", "locked_zip"):
                    raise
                yield replace(part, fault=code)
        else:
            self._add_bytes(part.size)
            yield part

    def _add_bytes(self, size: int) -> None:
        self._total_bytes += size
        if self._total_bytes > MAX_TOTAL_BYTES:
            raise _make_bomb_error()

    def _unpack_gzip(self, part: Part, depth: int) -> Iterator[Part]:
        name = part.name[:-3] if part.suffix == ".gz" else part.name
        inner = replace(part, name=name, open=lambda: cast(IO[bytes], _BoundedGzipFile(part)))
        if depth < MAX_ZIP_DEPTH and inner.suffix in (".zip", ".gz"):
            yield from self.unpack(self._spool(inner), depth=depth + 1)
        else:
            yield inner

    def _unpack_zip(self, part: Part, prefix: str, depth: int) -> Iterator[Part]:
        if depth >= MAX_ZIP_DEPTH:
            yield replace(part, fault="too_deep_zip")
            return
        archive = _open_zip(part)
        members = [info for info in archive.infolist() if not info.is_dir()]
        if any(info.flag_bits & ENCRYPTED for info in members):
            raise make_file_error(
                _("The zip is password-protected. Remove the password and try again."), "locked_zip"
            )
        if any(map(_is_bomb, members)):
            raise _make_bomb_error()
        for info in members:
            check_deadline(self._deadline)
            member = Part(
                prefix + clean_name(_decode_name(info)),
                info.file_size,
                _make_member_opener(archive, info),
                modified_at=_get_modified_at(info),
            )
            if member.suffix in (".zip", ".gz"):
                if member.suffix == ".zip":
                    member = self._spool(member)
                yield from self.unpack(member, depth=depth + 1)
            else:
                self._add_bytes(member.size)
                yield member

    def _spool(self, part: Part) -> Part:
        """Copy a packed file to a temporary one: a zip is read from its end."""
        copy = _Copy(SPOOL_BYTES)
        try:
            with part.open() as file:
                while data := file.read(CHUNK_BYTES):
                    check_deadline(self._deadline)
                    self._inner_bytes += len(data)
                    if self._inner_bytes > MAX_INNER_BYTES:
                        raise _make_bomb_error()
                    copy.write(data)
        except ARCHIVE_ERRORS as error:
            if isinstance(error, ValidationError):
                raise
            return replace(part, fault="broken_zip")
        opener = _make_reopener(cast(IO[bytes], copy))
        return replace(part, size=copy.tell(), open=opener)


class _Copy(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that is closed with the last part in it."""

    def __del__(self) -> None:
        self.close()


class _BoundedZipFile(SeekableFileView):
    """A zip file that refuses to read an oversized directory or one with too many entries.

    The standard library reads the whole directory at once; each entry then takes ten times its bytes in memory.
    """

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise _make_too_many_files_error()
        data = super().read(size)
        if data.startswith(DIRECTORY_ENTRY) and data.count(DIRECTORY_ENTRY) > MAX_PARTS:
            raise _make_too_many_files_error()
        return data

    def close(self) -> None:
        self._file.close()  # it was opened for this zip only
        super().close()


class _BoundedGzipFile(FileView):
    """The unpacked bytes of a gzip part, whose size is not known before."""

    def __init__(self, part: Part) -> None:
        self._packed = part.open()
        super().__init__(cast(IO[bytes], gzip.GzipFile(fileobj=self._packed)))
        self._limit = min(MAX_TOTAL_BYTES, max(MIN_RATIO_BYTES, MAX_RATIO * part.size))
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        data = super().read(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
        self._count += len(data)
        if self._count > self._limit:
            raise _make_bomb_error()
        return data

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))

    def close(self) -> None:
        self._packed.close()
        super().close()


def _is_zip(part: Part) -> bool:
    with part.open() as file:
        return file.seekable() and zipfile.is_zipfile(file)


def _open_zip(part: Part) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(cast(IO[bytes], _BoundedZipFile(part.open())))
    except ARCHIVE_ERRORS as error:
        if isinstance(error, ValidationError):
            raise
        raise make_broken_archive_error() from None


def _decode_name(info: zipfile.ZipInfo) -> str:
    """Return the name; Finder and others write UTF-8 without the flag that says so."""
    if info.flag_bits & UTF8_NAME:
        return info.filename
    with suppress(UnicodeError):
        return info.filename.encode("cp437").decode("utf-8")
    return info.filename


def _get_modified_at(info: zipfile.ZipInfo) -> datetime | None:
    if info.date_time[0] <= EARLIEST_ZIP_YEAR:  # not set
        return None
    with suppress(ValueError):
        return datetime(*info.date_time, tzinfo=UTC)
    return None


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    # The declared size can be trusted: zipfile.ZipExtFile never reads beyond it.
    return info.file_size > MIN_RATIO_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1)


def _make_member_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(info)


def _make_bomb_error() -> ValidationError:
    return make_file_error(_("The zip is too large when unpacked."), "zip_bomb")


def _make_too_many_files_error() -> ValidationError:
    return make_file_error(
        _("The zip contains more than %(limit)s files.") % {"limit": f"{MAX_PARTS:,}"}, "too_many_files"
    )
