"""Size-limited access to an uploaded file, the members of a zip, or the files of a folder.

Nothing is unpacked to disk, and only files known to be small are read whole.
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

READABLE = (".json", ".jsonl", ".ndjson", ".md", ".markdown", ".txt", ".csv")  # in a zip or folder
MAX_PARTS = 100_000
DIRECTORY_ENTRY = b"PK\1\2"  # signature of a central directory entry
MAX_DIRECTORY_BYTES = 20_000_000  # maximum size of the zip directory: 200 per member
MAX_TOTAL_BYTES = 8_000_000_000  # maximum unpacked size of a zip
MAX_RATIO = 200  # unpacked to packed; JSON compresses about 10:1, a deflate bomb about 1000:1
# Errors that the standard library raises for a corrupt zip; seeking before its start is a ValueError.
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
MIN_RATIO_BYTES = 1_000_000  # the ratio of smaller members is not checked


def make_file_error(message: str, code: str) -> ValidationError:
    """Build a ValidationError on the `file` field."""
    return ValidationError({"file": ValidationError(message, code=code)})


def check_deadline(deadline: float) -> None:
    """Raise ValidationError (file) once the monotonic clock has passed the deadline."""
    if time.monotonic() > deadline:
        raise make_file_error(
            _("Reading the file takes too long. Split it and import the parts."),
            "takes_too_long",
        )


@dataclass(frozen=True)
class Part:
    """One readable file.

    name: path within the zip or folder, else empty. open: opens it from its start. deadline: on the monotonic clock.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]
    deadline: float = math.inf

    @property
    def base_name(self) -> str:
        return PurePosixPath(self.name).name.lower()

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()


def list_parts(source: IO[bytes] | Path, deadline: float = math.inf) -> list[Part]:
    """List the readable parts of a file, zip or folder.

    deadline: monotonic time after which no part is read. Raises ValidationError (file) for a corrupt or encrypted zip,
    a zip bomb, and an empty source.
    """
    if isinstance(source, Path):
        parts = list(_list_folder_parts(source))
    elif zipfile.is_zipfile(source):
        source.seek(0)
        parts = list(_list_zip_parts(source))
    else:
        parts = [_make_single_part(source)]
    if not any(part.size for part in parts):
        raise make_file_error(_("The file is empty."), "empty")
    return [replace(part, deadline=deadline) for part in parts]


def _make_single_part(file: IO[bytes]) -> Part:
    size = file.seek(0, io.SEEK_END)

    def reopen() -> IO[bytes]:
        file.seek(0)
        return cast(IO[bytes], _NonClosingFile(file))

    return Part("", size, reopen)


class _NonClosingFile(io.RawIOBase):
    """A view of a file that leaves the file open when the view is closed."""

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
    """A part's bytes, readable until the deadline."""

    def __init__(self, file: IO[bytes], deadline: float) -> None:
        super().__init__(file)
        self._deadline = deadline

    def read(self, size: int = -1) -> bytes:
        check_deadline(self._deadline)
        return super().read(size)

    def close(self) -> None:
        self._file.close()
        super().close()


class _BoundedZipFile(_NonClosingFile):
    """A zip file that refuses to read an oversized directory or one with too many entries.

    The standard library reads the whole directory at once; each entry then takes ten times its bytes in memory.
    """

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise _make_too_many_files_error()
        data = super().read(size)
        if data.startswith(DIRECTORY_ENTRY) and data.count(DIRECTORY_ENTRY) > MAX_PARTS:
            raise _make_too_many_files_error()
        return data


def _list_folder_parts(folder: Path) -> Iterator[Part]:
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        hidden = any(component.startswith(".") for component in within.parts)  # .obsidian, .git
        if not hidden and path.suffix.lower() in READABLE and path.is_file() and not path.is_symlink():
            yield Part(within.as_posix(), path.stat().st_size, _make_opener(path))


def _make_opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _list_zip_parts(file: IO[bytes]) -> Iterator[Part]:
    try:
        archive = zipfile.ZipFile(cast(IO[bytes], _BoundedZipFile(file)))
    except ZIP_ERRORS:
        raise _make_broken_zip_error() from None
    wanted = [info for info in archive.infolist() if _is_wanted(info)]
    if any(info.flag_bits & 0x1 for info in wanted):
        raise make_file_error(
            _("The zip is password-protected. Remove the password and try again."), "locked_zip"
        )
    if sum(info.file_size for info in wanted) > MAX_TOTAL_BYTES or any(map(_is_bomb, wanted)):
        raise make_file_error(_("The zip is too large when unpacked."), "zip_bomb")
    for info in wanted:
        yield Part(info.filename, info.file_size, _make_member_opener(archive, info))


def _make_too_many_files_error() -> ValidationError:
    return make_file_error(
        _("The zip contains more than %(limit)s files.") % {"limit": f"{MAX_PARTS:,}"}, "too_many_files"
    )


def _make_broken_zip_error() -> ValidationError:
    return make_file_error(_("The zip is corrupt. Download it again."), "broken_zip")


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    hidden = any(component.startswith((".", "__MACOSX")) for component in path.parts)
    return not info.is_dir() and not hidden and path.suffix.lower() in READABLE


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    # The declared size can be trusted: zipfile.ZipExtFile never reads beyond it.
    return info.file_size > MIN_RATIO_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1)


def _make_member_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def reopen() -> IO[bytes]:
        try:
            return archive.open(info)
        except ZIP_ERRORS:
            raise _make_broken_zip_error() from None

    return reopen


class open_part:  # noqa: N801 - used like a function
    """Open a part for reading; zip errors become ValidationError."""

    def __init__(self, part: Part) -> None:
        self._file = cast(BinaryIO, _DeadlineFile(part.open(), part.deadline))

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._file.close()
        if isinstance(error, ZIP_ERRORS):
            raise _make_broken_zip_error() from None
