"""Stream a zip file while creating it; only its directory is held in memory."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

EARLIEST_ZIP_TIME = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ZipMember:
    """A file in the zip, with its content in chunks."""

    name: str
    content: Iterator[bytes]
    written_at: datetime


class _ZipBuffer:
    """An unseekable output buffer, so zipfile writes sizes after the data they describe."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: `drain_chunks` returns what was written."""

    def drain_chunks(self) -> bytes:
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)


def stream_zip(members: Iterable[ZipMember]) -> Iterator[bytes]:
    sink = _ZipBuffer()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for member in members:
            modified_at = max(member.written_at.astimezone(UTC), EARLIEST_ZIP_TIME)
            info = zipfile.ZipInfo(member.name, modified_at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            with archive.open(info, "w", force_zip64=True) as file:
                for chunk in member.content:
                    file.write(chunk)
                    yield sink.drain_chunks()
            yield sink.drain_chunks()
    yield sink.drain_chunks()
