"""Text bundles: a folder with a note, `text.md`, its `info.json` and its images. Bear's backups consist of them.

The shape is documented at http://textbundle.org/spec; Bear's part of info.json is known from its backups.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import orjson
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.front_matter import split_front_matter
from memories.portability.readers.notes.markdown.note import build_note
from memories.portability.readers.notes.markdown.note_text import begins_with, is_titleless
from memories.portability.readers.notes.markdown.properties import read_properties
from memories.portability.readers.times import pick_time

BUNDLES, INFO = (".textbundle", ".bearnote"), "info.json"
TEXT_NAMES = ("text.md", "text.markdown", "text.txt")
BEAR = "net.shinyfrog.bear"
WORDS_TAG = re.compile(r"(?<!\S)#(?P<tag>[^\s#`][^#`\n]{0,48}[^\s#`])#(?!\w)")  # "#two words#"


def _read_bundle(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    info = _read_info(part, context)
    bear = info.get(BEAR)
    about_bear: dict[str, object] = bear if isinstance(bear, dict) else {}
    if about_bear.get("trashed") or about_bear.get("isTrashed"):
        yield SkippedEntry("in_trash")
        return
    properties, body = split_front_matter(read_text(part))
    about = read_properties(properties, context.zone)
    created_at, notes = pick_time((about_bear.get("creationDate"), info.get("creationDate")), context.zone)
    name = _get_bundle_name(part)
    title = about.title or ("" if is_titleless(name) or begins_with(body, name) else name)
    tags = tuple(found["tag"] for found in WORDS_TAG.finditer(body))
    yield from build_note(
        part,
        replace(
            about,
            title=title,
            tags=(*about.tags, *tags),
            created_at=created_at or about.created_at,
            notes=(*about.notes, *notes),
        ),
        body,
        context.zone,
        tagged=WORDS_TAG.sub("", body),
    )


def _get_bundle_name(part: Part) -> str:
    folder = PurePosixPath(part.name).parent
    return folder.stem if folder.suffix.lower() in BUNDLES else folder.name


def _read_info(part: Part, context: ReadContext) -> dict[str, object]:
    info = context.parts.get(str(PurePosixPath(part.path).parent / INFO))
    try:
        value = orjson.loads(read_text(info)) if info is not None else {}
    except (orjson.JSONDecodeError, ValidationError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_in_bundle(start: PartStart) -> bool:
    """Return whether a file is in a bundle, which may be packed without its folder (TextPack)."""
    folder = start.path.rpartition("/")[0]
    if folder.endswith(BUNDLES):
        return True
    others = TEXT_NAMES if start.base_name == INFO else (INFO,) if start.base_name in TEXT_NAMES else ()
    return any(f"{folder}/{name}".lstrip("/") in start.parts for name in others)


TEXT_BUNDLE = Format(
    "text_bundle",
    gettext_lazy("text bundle (Bear and others)"),
    lambda start: _is_in_bundle(start) and start.base_name.startswith("text.") and start.is_text,
    _read_bundle,
)
BUNDLE_INFO = RefusedKind(
    "bundle_info",
    gettext_lazy("information about a note"),
    lambda start: _is_in_bundle(start) and start.base_name == INFO,
    "not_content",
)
