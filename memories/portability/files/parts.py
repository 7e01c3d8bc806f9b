"""One file of what was given to an import, and access to it with a deadline."""

import lzma
import math
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.portability.files.views import FileView

# Errors that the standard library raises for corrupt zip and gzip files; seeking before their start is a ValueError.
ARCHIVE_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


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


def make_broken_archive_error() -> ValidationError:
    return make_file_error(_("The ZIP is damaged. Download it again."), "broken_zip")


def make_bomb_error() -> ValidationError:
    return make_file_error(_("The ZIP is too large when unpacked."), "zip_bomb")


def make_too_many_files_error(limit: int) -> ValidationError:
    return make_file_error(
        _("The ZIP contains more than %(limit)s files.") % {"limit": f"{limit:,}"}, "too_many_files"
    )


@dataclass(frozen=True)
class Part:
    """One file: a file that was given, or a member of a zip or folder.

    name: its path, "export.zip/notes/a.md" for a member of a zip in a zip or beside other files; empty for text
    without a name. size: bytes; of a gzip file the packed ones. open: opens it from its start. deadline: on the
    monotonic clock. modified_at: when the file was last changed, if known; the time zone of a zip is not. fault: a key
    of REASONS if the file cannot be read.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]
    deadline: float = math.inf
    modified_at: datetime | None = None
    fault: str = ""

    @property
    def path(self) -> str:
        """The name in lower case, for comparisons."""
        return self.name.lower()

    @property
    def base_name(self) -> str:
        return PurePosixPath(self.name).name.lower()

    @property
    def stem(self) -> str:
        """The name without folders and ending, as written: the title of a note."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()


class _DeadlineFile(FileView):
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


class open_part:  # noqa: N801 - used like a function
    """Open a part for reading; errors of its archive become ValidationError."""

    def __init__(self, part: Part) -> None:
        try:
            self._file = cast(BinaryIO, _DeadlineFile(part.open(), part.deadline))
        except ARCHIVE_ERRORS:
            raise make_broken_archive_error() from None

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._file.close()
        if isinstance(error, ARCHIVE_ERRORS):
            raise make_broken_archive_error() from None
