"""Files that are uploaded in a form (multipart/form-data, RFC 7578): many, large, and with their folders.

Django's own parser removes folders from names, limits a form to 100 files, and opens a temporary file for each.
"""

import io
import tempfile
from collections.abc import Mapping
from itertools import chain
from typing import IO, Any, cast

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.http.multipartparser import (  # type: ignore[attr-defined]
    FIELD,
    FILE,
    RAW,
    ChunkIter,
    InterBoundaryIter,
    LazyStream,
    MultiPartParserError,
    parse_boundary_stream,
)
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

MAX_FILES = 20_000  # in a form; a zip may have more
MAX_FIELDS = 100
MAX_FIELD_BYTES = 1_000_000  # of all fields that are no content
CONTENT_FIELDS = frozenset({"file", "folder", "text"})  # content also if sent without a file name
MAX_HEADER_BYTES = 16_384  # of a part; a path alone may have 4,096
SPOOL_BYTES = 1_000_000
CHUNK_BYTES = 65_536


class UploadedPart(UploadedFile):  # type: ignore[type-arg]
    """An uploaded file. path: its name as sent, which may have folders; empty for a field."""

    def __init__(self, file: IO[bytes], path: str, content_type: str, size: int) -> None:
        super().__init__(file, None, content_type, size)  # a name would lose its folders
        self.path = path

    def close(self) -> None:
        self.file.close()  # type: ignore[union-attr]


PartHeaders = Mapping[str, tuple[str, Mapping[str, bytes | str]]]
Form = tuple[QueryDict, "MultiValueDict[str, UploadedFile[bytes]]"]


def parse_upload_form(stream: Any, boundary: bytes, encoding: str) -> Form:
    """Return the fields and the files of a form. A field with content (CONTENT_FIELDS) is a file without a name.

    Raises the exceptions of Django's parser.
    """
    reader = _FormReader(encoding)
    try:
        for part in InterBoundaryIter(LazyStream(ChunkIter(stream, CHUNK_BYTES)), b"--" + boundary):
            reader.add_part(*parse_boundary_stream(part, MAX_HEADER_BYTES))
        return reader.finish()
    except BaseException:
        reader.spool.close()
        raise


def list_uploads(files: "MultiValueDict[str, UploadedFile[bytes]]") -> list[tuple[IO[bytes], str]]:
    """Return each file with its name, in the order of their fields; the name of a field is empty."""
    uploads = chain.from_iterable(uploads for _name, uploads in files.lists())
    return [(cast(IO[bytes], upload.file), getattr(upload, "path", upload.name or "")) for upload in uploads]


class _FormReader:
    """The parts of a form read so far; the contents are in one unnamed temporary file."""

    def __init__(self, encoding: str) -> None:
        self.spool = cast(IO[bytes], tempfile.SpooledTemporaryFile(SPOOL_BYTES))  # noqa: SIM115 - `finish` tells who closes it
        self._encoding = encoding
        self._fields = QueryDict(mutable=True)
        self._files: list[tuple[str, str, str, int, int]] = []  # field, path, media type, start, end
        self._field_bytes = self._field_count = self._end = 0
        self._is_complete = False

    def add_part(self, kind: str, headers: PartHeaders, content: LazyStream) -> None:
        self._is_complete = False
        if kind == RAW:
            self._read_margin(b"".join(content))
            return
        options = headers["content-disposition"][1]
        name = self._decode(options.get("name", b"")).strip()
        if kind == FILE or name in CONTENT_FIELDS:
            media_type = headers.get("content-type", ("", {}))[0].strip()
            path = self._decode(options.get("filename", b"")).replace("%22", '"')  # as browsers write it
            self._add_file(name, path, media_type, content)
        elif kind == FIELD:
            self._add_field(name, content)

    def finish(self) -> Form:
        """Return the form. Closing any of its files closes the temporary file; Django closes them with the request."""
        if not self._is_complete:
            raise MultiPartParserError(_("The form is cut off."))
        files: MultiValueDict[str, UploadedFile[bytes]] = MultiValueDict()
        for name, path, media_type, start, end in self._files:
            content = cast(IO[bytes], _FileSlice(self.spool, start, end))
            files.appendlist(name, UploadedPart(content, path, media_type, end - start))
        if not self._files:
            self.spool.close()
        self._fields._mutable = False
        return self._fields, files

    def _read_margin(self, content: bytes) -> None:
        """Read what surrounds all parts. Raises MultiPartParserError for a part without a readable name."""
        if content.strip(b"-\r\n \t"):
            raise MultiPartParserError(_("A part of the form has no valid Content-Disposition header."))
        self._is_complete = content.startswith(b"--")  # after the last boundary

    def _add_file(self, name: str, path: str, media_type: str, content: LazyStream) -> None:
        start = self._end
        for chunk in content:
            self._end += self.spool.write(chunk)
        if not path and self._end == start:  # a field that was left empty
            return
        self._files.append((name, path, media_type, start, self._end))
        if len(self._files) > MAX_FILES:
            message = _("The form has more than %(limit)s files. Put them into a ZIP.")
            raise TooManyFilesSent(message % {"limit": f"{MAX_FILES:,}"})

    def _add_field(self, name: str, content: LazyStream) -> None:
        value = content.read(MAX_FIELD_BYTES - self._field_bytes + 1)
        self._field_bytes += len(value) + len(name)
        self._field_count += 1
        if self._field_bytes > MAX_FIELD_BYTES:
            raise RequestDataTooBig(_("The form is too large. Only its files may be large."))
        if self._field_count > MAX_FIELDS:
            raise TooManyFieldsSent(_("The form has too many fields."))
        self._fields.appendlist(name, self._decode(value))

    def _decode(self, value: bytes | str) -> str:
        return value if isinstance(value, str) else value.decode(self._encoding, errors="replace")


class _FileSlice(io.RawIOBase):
    """The bytes of a file from `start` to `end`. Closing it closes the file."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file, self._start, self._size = file, start, end - start
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        rest = max(self._size - self._position, 0)
        self._file.seek(self._start + self._position)
        data = self._file.read(rest if size < 0 else min(size, rest))
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._position, 2: self._size}[whence]
        if base + offset < 0:
            raise OSError("negative seek position")  # as files do
        self._position = base + offset
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()
