"""JSON within a script: pages and archives that a browser shows have their data so."""

from dataclasses import replace
from typing import IO, cast

from memories.portability.files.parts import Part
from memories.portability.files.views import FileView

CHUNK_BYTES = 1 << 16
END = b";\r\n\t "  # what may follow the JSON


class _ScriptData(FileView):
    """What follows a marker: the rest of the line or of the file, without what ends a statement."""

    def __init__(self, file: IO[bytes], marker: bytes, *, one_line: bool) -> None:
        super().__init__(file)
        self._marker = marker
        self._one_line = one_line
        self._buffer = b""
        self._has_started = False
        self._has_ended = False

    def read(self, size: int = -1) -> bytes:
        while not self._has_ended and (not self._has_started or len(self._buffer) <= len(END)):
            self._fill()
        if size < 0:
            while not self._has_ended:
                self._fill()
            size = len(self._buffer)
        # The end of what was read may be the end of the statement.
        keep = 0 if self._has_ended else len(END)
        count = min(size, len(self._buffer) - keep)
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _fill(self) -> None:
        data = self._file.read(CHUNK_BYTES)
        self._buffer += data
        self._has_ended = not data
        if not self._has_started:
            _before, mark, after = self._buffer.partition(self._marker)
            self._has_started = bool(mark)
            self._buffer = after if mark else self._buffer[-len(self._marker) :]
        if self._has_started and self._one_line and b"\n" in self._buffer:
            self._buffer, self._has_ended = self._buffer.partition(b"\n")[0], True
        if self._has_ended:
            self._buffer = self._buffer.rstrip(END) if self._has_started else b""


def make_data_part(part: Part, marker: bytes, *, one_line: bool = False) -> Part:
    """Return the part with the JSON after a marker alone. one_line: it ends with its line."""
    return replace(part, open=lambda: cast(IO[bytes], _ScriptData(part.open(), marker, one_line=one_line)))
