"""What a sample of an export is: what somebody brings, and all that is to come of it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memories.portability.files.archives import NamedFile
from tests.memories.portability.reading import to_bytes, zip_bytes


@dataclass(frozen=True)
class Zip:
    members: Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """A memory that is to come. date: how its time begins in ISO 8601, in UTC; empty for none."""

    text: str
    date: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """Made-up content in the shape of a product's export.

    brought: `Zip` (members by path; a member ending in .zip may be a mapping itself), a tuple of (name, content) pairs
    for several files, or the content of one file: bytes, text, or what is to be JSON. name: of the file. formats: what
    its files are taken for. left_out: how many entries are left out by file and reason. notes: as ImportItem.notes,
    counted. options: fields of ReadContext.
    """

    title: str
    brought: Any
    memories: tuple[Expected, ...]
    formats: frozenset[str]
    name: str = ""
    left_out: Mapping[tuple[str, str], int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def open_files(self) -> list[NamedFile]:
        """Return what is brought, opened anew."""
        if isinstance(self.brought, Zip):
            return [NamedFile(io.BytesIO(zip_bytes(self.brought.members)), self.name or "export.zip")]
        if isinstance(self.brought, tuple):
            return [NamedFile(io.BytesIO(to_bytes(content)), name) for name, content in self.brought]
        return [NamedFile(io.BytesIO(to_bytes(self.brought)), self.name)]
