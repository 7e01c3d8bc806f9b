"""Read what somebody brings as an import does, without storing it."""

import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from memories.portability.files.archives import NamedFile, Source, list_parts
from memories.portability.readers.detect import detect_parts, read_parts
from memories.portability.readers.formats import ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, SkippedEntry


@dataclass
class FileOutcome:
    """What was read of one file: what it was taken for, its items, and how many entries were left out why."""

    kind: str
    items: list[ImportItem] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    links: list[ImportLink] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [item.text for item in self.items]


@dataclass
class Outcome:
    """What was read of all files, by their names."""

    files: dict[str, FileOutcome]

    @property
    def items(self) -> list[ImportItem]:
        return [item for file in self.files.values() for item in file.items]

    @property
    def texts(self) -> list[str]:
        return [item.text for item in self.items]

    @property
    def tags(self) -> list[tuple[str, ...]]:
        return [item.tags for item in self.items]

    @property
    def times(self) -> list[datetime | None]:
        return [item.created_at for item in self.items]

    @property
    def skipped(self) -> dict[str, int]:
        return dict(sum((file.skipped for file in self.files.values()), Counter()))

    @property
    def notes(self) -> dict[str, int]:
        return dict(Counter(note for item in self.items for note in item.notes))

    @property
    def kinds(self) -> dict[str, str]:
        return {name: file.kind for name, file in self.files.items()}

    @property
    def kind(self) -> str:
        (kind,) = {file.kind for file in self.files.values()}
        return kind


def read_sources(*sources: Source, **options: Any) -> Outcome:
    """Read files, zips or folders. options: fields of ReadContext. Raises ValidationError as the import does."""
    files: dict[str, FileOutcome] = {}
    detected = detect_parts(list_parts(sources, math.inf))
    for part, results in read_parts(detected, ReadContext(**options)):
        outcome = files[part.part.name] = FileOutcome(part.kind.name)
        for result in results:
            if isinstance(result, ImportItem):
                outcome.items.append(result)
            elif isinstance(result, SkippedEntry):
                outcome.skipped[result.reason] += result.count
            else:
                outcome.links.append(result)
    return Outcome(files)


def read_file(content: Any, name: str = "", **options: Any) -> Outcome:
    """Read one file; its content is bytes, text, or what is to be JSON."""
    return read_sources(NamedFile(io.BytesIO(to_bytes(content)), name), **options)


def read_zip(members: Mapping[str, Any], **options: Any) -> Outcome:
    """Read a zip with these members."""
    return read_sources(NamedFile(io.BytesIO(zip_bytes(members)), "export.zip"), **options)


def read_folder(path: Path, **options: Any) -> Outcome:
    return read_sources(path, **options)


def zip_bytes(members: Mapping[str, Any]) -> bytes:
    """Build a zip; a member that is a mapping of names ending in .zip is a zip itself."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            is_inner = name.endswith(".zip") and isinstance(content, Mapping)
            archive.writestr(name, zip_bytes(content) if is_inner else to_bytes(content))
    return buffer.getvalue()


def to_bytes(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    return json.dumps(content, ensure_ascii=False).encode()


def to_lines(values: Sequence[Any]) -> str:
    """Serialize as JSON Lines."""
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
