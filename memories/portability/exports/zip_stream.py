"""A zip that is sent while it is made: nothing of it is kept but the list of its files."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class ZipMember:
    """A file of the zip, its content in pieces."""

    name: str
    content: Iterator[bytes]
    written_at: datetime


class _ZipBuffer:
    """What the zip is written into; it cannot be wound back, so the zip puts sizes behind what they are of."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Everything is handed on by `taken`."""

    def drain_pieces(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def stream_zip(members: Iterable[ZipMember]) -> Iterator[bytes]:
    sink = _ZipBuffer()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for member in members:
            at = max(
                member.written_at.astimezone(UTC), datetime(1980, 1, 1, tzinfo=UTC)
            )  # the first a zip knows
            info = zipfile.ZipInfo(member.name, at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in member.content:
                    file.write(piece)
                    yield sink.drain_pieces()
            yield sink.drain_pieces()
    yield sink.drain_pieces()
