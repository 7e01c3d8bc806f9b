"""Views of open files."""

import io
from pathlib import Path
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


class SlicedFileView(SeekableFileView):
    """A view of `size` bytes of a file, from `start`."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        super().__init__(file)
        self._start, self._size = start, size

    def read(self, size: int = -1) -> bytes:
        rest = max(0, self._size - self._position)
        self._file.seek(self._start + self._position)
        data = self._file.read(rest if size < 0 else min(size, rest))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise OSError("negative seek position")
        self._position = origin + offset
        return self._position


class PathView(SeekableFileView):
    """A view of the file at a path, which is open only while it is read: a folder may contain thousands of zips."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._position)
            data = file.read(size)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with self._path.open("rb") as file:
            file.seek(self._position)
            self._position = file.seek(offset, whence)
        return self._position
