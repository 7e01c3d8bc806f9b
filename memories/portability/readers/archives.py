"""What was given, as named parts with bounds: one file, the files of a zip, or those of a folder.

Nothing is unpacked to the disk, and nothing is read whole but what is known to be small.
"""

import io
import lzma
import math
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

READABLE = (".json", ".jsonl", ".ndjson", ".md", ".markdown", ".txt", ".csv")  # in a zip or a folder
MAX_PARTS = 100_000
DIRECTORY_ENTRY = b"PK\1\2"  # how each entry of a zip's directory begins
DIRECTORY_BYTES = 20_000_000  # of a zip's directory: 200 for each part, its name and times
TOTAL_BYTES = 8_000_000_000  # of what is read of a zip, unpacked
RATIO = 200  # unpacked to packed; JSON packs to a tenth, deflate's bombs to a thousandth
# What the standard library says of a zip in which something was changed: a seek to before its start is a ValueError.
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
SMALL_BYTES = 1_000_000  # below it no ratio is looked at


def make_file_error(message: str, code: str) -> ValidationError:
    """What is wrong with the file as a whole."""
    return ValidationError({"file": ValidationError(message, code=code)})


def check_deadline(until: float) -> None:
    """Raises ValidationError (file) after this moment of the monotonic clock."""
    if time.monotonic() > until:
        raise make_file_error(
            _("Reading this takes too long. Nothing is lost: split it, and bring its parts."),
            "takes_too_long",
        )


@dataclass(frozen=True)
class Part:
    """One file: its name (within a zip or folder, else empty), its size, how to read it from its beginning, and until
    when (of the monotonic clock)."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]
    until: float = math.inf

    @property
    def base_name(self) -> str:
        return PurePosixPath(self.name).name.lower()

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()


def list_parts(given: IO[bytes] | Path, until: float = math.inf) -> list[Part]:
    """Raises ValidationError (file) for a zip that is broken, locked or a bomb, and where there is nothing to read.

    until: no part is read after this moment of the monotonic clock.
    """
    if isinstance(given, Path):
        parts = list(_list_folder_parts(given))
    elif zipfile.is_zipfile(given):
        given.seek(0)
        parts = list(_list_zip_parts(given))
    else:
        parts = [_make_single_part(given)]
    if not any(part.size for part in parts):
        raise make_file_error(_("There is nothing in it to read."), "empty")
    return [replace(part, until=until) for part in parts]


def _make_single_part(given: IO[bytes]) -> Part:
    size = given.seek(0, io.SEEK_END)

    def read_again() -> IO[bytes]:
        given.seek(0)
        return cast(IO[bytes], _NonClosingFile(given))

    return Part("", size, read_again)


class _NonClosingFile(io.RawIOBase):
    """A view of a file, which stays open when the view is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class _DeadlineFile(_NonClosingFile):
    """A part's bytes, as long as there is time."""

    def __init__(self, file: IO[bytes], until: float) -> None:
        super().__init__(file)
        self._until = until

    def read(self, size: int = -1) -> bytes:
        check_deadline(self._until)
        return super().read(size)

    def close(self) -> None:
        self._file.close()
        super().close()


class _BoundedZipFile(_NonClosingFile):
    """A zip whose directory is not read where it is longer than it could be, or has too many entries.

    The standard library reads it whole, at once, and by its size alone; each entry then takes ten times its bytes.
    """

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        if size > DIRECTORY_BYTES:
            raise _make_too_many_files_error()
        data = super().read(size)
        if data.startswith(DIRECTORY_ENTRY) and data.count(DIRECTORY_ENTRY) > MAX_PARTS:
            raise _make_too_many_files_error()
        return data


def _list_folder_parts(folder: Path) -> Iterator[Part]:
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        hidden = any(piece.startswith(".") for piece in within.parts)  # .obsidian, .git
        if not hidden and path.suffix.lower() in READABLE and path.is_file() and not path.is_symlink():
            yield Part(within.as_posix(), path.stat().st_size, _make_opener(path))


def _make_opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _list_zip_parts(given: IO[bytes]) -> Iterator[Part]:
    try:
        archive = zipfile.ZipFile(cast(IO[bytes], _BoundedZipFile(given)))
    except ZIP_ERRORS:
        raise make_file_error(_("This zip is broken. Download it again."), "broken_zip") from None
    wanted = [info for info in archive.infolist() if _is_wanted(info)]
    if any(info.flag_bits & 0x1 for info in wanted):
        raise make_file_error(_("This zip is locked by a password. Unlock it first."), "locked_zip")
    if sum(info.file_size for info in wanted) > TOTAL_BYTES or any(map(_is_bomb, wanted)):
        raise make_file_error(_("This zip would unpack to far more than it should."), "zip_bomb")
    for info in wanted:
        yield Part(info.filename, info.file_size, _make_member_opener(archive, info))


def _make_too_many_files_error() -> ValidationError:
    return make_file_error(
        _("This zip holds more than %(limit)s files.") % {"limit": f"{MAX_PARTS:,}"}, "too_many_files"
    )


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    hidden = any(piece.startswith((".", "__MACOSX")) for piece in path.parts)
    return not info.is_dir() and not hidden and path.suffix.lower() in READABLE


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    # What is read ends at the announced size, whatever the packed bytes would give (zipfile.ZipExtFile).
    return info.file_size > SMALL_BYTES and info.file_size > RATIO * max(info.compress_size, 1)


def _make_member_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def read_again() -> IO[bytes]:
        try:
            return archive.open(info)
        except ZIP_ERRORS:
            raise make_file_error(_("This zip is broken. Download it again."), "broken_zip") from None

    return read_again


class open_part:  # noqa: N801 - used like a function
    """A part open for reading, its faults as ValidationError."""

    def __init__(self, part: Part) -> None:
        self._file = cast(BinaryIO, _DeadlineFile(part.open(), part.until))

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._file.close()
        if isinstance(error, ZIP_ERRORS):
            raise make_file_error(_("This zip is broken. Download it again."), "broken_zip") from None
