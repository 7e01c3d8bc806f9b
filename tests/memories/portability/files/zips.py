"""Build zips that the standard library does not write."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

UTF8 = 0x800
ENCRYPTED = 0x1


def make_line(text: str) -> bytes:
    """Return a file with one memory, of the format that is Picard's own."""
    return json.dumps({"picard": 1, "text": text}).encode() + b"\n"


@dataclass(frozen=True)
class Member:
    """A member. raw_name: its bytes in the zip. data: what is packed. size: the unpacked size that the zip declares."""

    raw_name: bytes
    data: bytes
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    is_deflated: bool = False
    attributes: int = 0
    extra: bytes = b""
    date: int = 0x5A21  # 1 January 2025
    at: int | None = None  # offset of another member's local header, to share its data


def write_zip(members: Iterable[Member]) -> bytes:
    """Write a zip exactly as told."""
    body, directory, count = b"", b"", 0
    for member in members:
        data = _deflate(member.data) if member.is_deflated else member.data
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        size = len(member.data) if member.size is None else member.size
        common = struct.pack(
            "<HHHHHIIIHH", 20, member.flags, 8 * member.is_deflated, 0, member.date, crc, len(data), size,
            len(member.raw_name), len(member.extra),
        )  # fmt: skip
        offset = len(body) if member.at is None else member.at
        if member.at is None:
            body += b"PK\3\4" + common + member.raw_name + member.extra + data
        directory += b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + common
        directory += (
            struct.pack("<HHHII", 0, 0, 0, member.attributes, offset) + member.raw_name + member.extra
        )
        count += 1
    end = struct.pack("<HHHHIIH", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


@lru_cache(maxsize=4)
def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def store_zip(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Write a zip, in which a name may occur twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0))
            archive.writestr(info, content)
    return buffer.getvalue()


def nest_zip(content: bytes, depth: int) -> bytes:
    """Put a zip into a zip, `depth` times."""
    for _ in range(depth):
        content = store_zip([("inner.zip", content)])
    return content
