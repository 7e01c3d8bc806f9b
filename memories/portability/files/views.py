"""Views of open files."""

import io
from typing import IO, Any


class FileView(io.RawIOBase):
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


class SeekableFileView(FileView):
    """A view with a position of its own, so that several views of a file can be read by turns."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        self._file.seek(self._position)
        data = super().read(size)
        self._position += len(data)
        return data

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset, whence = offset + self._position, io.SEEK_SET
        self._position = self._file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position
