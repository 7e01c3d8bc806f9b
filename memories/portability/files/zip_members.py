"""Read the directory of a zip, which may be damaged, of an old program, or hostile."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, cast

from django.utils.translation import gettext as _

from memories.portability.files.parts import (
    ARCHIVE_ERRORS,
    Part,
    make_bomb_error,
    make_broken_archive_error,
    make_file_error,
    make_too_many_files_error,
)
from memories.portability.files.views import SeekableFileView

MAX_MEMBERS = 100_000
MAX_DIRECTORY_BYTES = 20_000_000  # maximum size of the zip directory: 200 per member
MAX_RATIO = 200  # unpacked to packed; JSON compresses about 10:1, a deflate bomb about 1000:1
MIN_RATIO_BYTES = 1_000_000  # the ratio of smaller members is not checked
DIRECTORY_ENTRY = b"PK\1\2"  # signature of a central directory entry
ENCRYPTED = 0x1  # flag of a zip member
UTF8_NAME = 0x800  # flag of a zip member whose name is UTF-8
UTF8_NAME_FIELD = 0x7075  # extra field with the name in UTF-8, of WinRAR, 7-Zip and Info-ZIP
NO_DATE = (1980, 1, 1)  # of members that were packed without their date


class _BoundedZipFile(SeekableFileView):
    """A zip file that refuses to read an oversized directory or one with too many entries.

    The standard library reads the whole directory at once; each entry then takes ten times its bytes in memory.
    """

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise make_too_many_files_error(MAX_MEMBERS)
        data = super().read(size)
        if data.startswith(DIRECTORY_ENTRY) and data.count(DIRECTORY_ENTRY) > MAX_MEMBERS:
            raise make_too_many_files_error(MAX_MEMBERS)
        return data


def is_zip(part: Part) -> bool:
    with part.open() as file:
        return file.seekable() and zipfile.is_zipfile(file)


def open_zip(part: Part) -> zipfile.ZipFile:
    """Open a zip. Raises ValidationError (file) for a corrupt or oversized directory."""
    try:
        return zipfile.ZipFile(cast(IO[bytes], _BoundedZipFile(part.open())))
    except ARCHIVE_ERRORS:
        raise make_broken_archive_error() from None


def list_members(archive: zipfile.ZipFile, size: int) -> list[zipfile.ZipInfo]:
    """Return the files in a zip of this size in bytes. Raises ValidationError (file) if it is locked or a bomb."""
    members = [info for info in archive.infolist() if not _is_folder(info)]
    if members and all(info.flag_bits & ENCRYPTED for info in members):
        raise make_file_error(
            _("The ZIP is password-protected. Remove the password and try again."), "locked_zip"
        )
    # Members that share their packed data make a bomb of any ratio, so that a zip is smaller than its members.
    if sum(info.compress_size for info in members) > size or any(map(_is_bomb, members)):
        raise make_bomb_error()
    return members


def find_fault(info: zipfile.ZipInfo) -> str:
    """Return the key of REASONS for a member that must not be read; empty for all others."""
    if info.flag_bits & ENCRYPTED:
        return "locked_zip"
    return "link" if stat.S_ISLNK(info.external_attr >> 16) else ""


def decode_name(info: zipfile.ZipInfo) -> str:
    """Return the name; Finder and others write UTF-8 without the flag that says so."""
    if info.flag_bits & UTF8_NAME:
        return info.filename
    raw = info.filename.encode("cp437", errors="replace")
    with suppress(UnicodeError, struct.error):
        return _find_utf8_name(info.extra, zlib.crc32(raw)) or raw.decode("utf-8")
    return info.filename


def get_modified_at(info: zipfile.ZipInfo) -> datetime | None:
    with suppress(ValueError):
        return datetime(*info.date_time, tzinfo=UTC) if info.date_time[:3] != NO_DATE else None
    return None


def make_member_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(info)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """Return whether a member is a folder: on Windows, old programs end its name with a backslash."""
    return not info.file_size and info.filename.endswith(("/", "\\"))


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    # The declared size can be trusted: zipfile.ZipExtFile never reads beyond it.
    return info.file_size > MIN_RATIO_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1)


def _find_utf8_name(extra: bytes, crc: int) -> str:
    """Return the name in the extra field for it; empty if there is none, or one of another name."""
    while len(extra) >= struct.calcsize("<HH"):
        field, size = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if field == UTF8_NAME_FIELD and struct.unpack_from("<BI", content) == (1, crc):
            return content[5:].decode("utf-8")
    return ""
