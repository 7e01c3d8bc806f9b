"""Temporary copies of zips in zips."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO, cast

from memories.portability.files.views import SlicedFileView


class CopiedFiles:
    """Copies in one temporary file: one descriptor and no memory, however many and large they are.

    It is deleted with the last object that refers to it, such as the opener of a copy.
    """

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] | None = None

    def append(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __del__
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def make_opener(self, start: int, size: int) -> Callable[[], IO[bytes]]:
        """Return a function that opens a copy from its start."""
        return lambda: cast(IO[bytes], _CopyView(self, start, size))

    @property
    def file(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("nothing was copied")
        return self._file

    def __del__(self) -> None:
        with suppress(AttributeError):
            if self._file is not None:
                self._file.close()


class _CopyView(SlicedFileView):
    """A view of one copy, which keeps the file of all of them."""

    def __init__(self, copies: CopiedFiles, start: int, size: int) -> None:
        super().__init__(copies.file, start, size)
        self._copies = copies
