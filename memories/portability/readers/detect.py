"""Which format each part of an import has, and reading all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from memories.portability.files.encodings import SAMPLE_BYTES
from memories.portability.files.parts import Part, make_file_error
from memories.portability.readers.catalog import FALLBACKS, FORMATS
from memories.portability.readers.formats import FileKind, Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry, make_ids_storable
from memories.portability.readers.reasons import REASONS
from memories.portability.readers.times import parse_time

# Errors that end the import; any other error of one part among several is said of that part.
FATAL_CODES = frozenset({"takes_too_long", "zip_bomb", "too_many_files", "too_many_entries", "too_many"})
MAX_NAMED = 10  # files in an error
ENTRY_CODES = frozenset({"too_large", "not_text"})  # reasons of their own; other errors are "broken"


@dataclass(frozen=True)
class DetectedPart:
    """A part with what it was taken for."""

    part: Part
    kind: FileKind


def detect_parts(parts: Sequence[Part]) -> list[DetectedPart]:
    """Return each part with its format, or the kind of file that it was refused as.

    Raises ValidationError (file), which names what was found, if no part can be imported.
    """
    by_path = MappingProxyType({part.path: part for part in parts})
    detected = [_detect_part(part, by_path, alone=len(parts) == 1) for part in parts]
    if not any(isinstance(each.kind, Format) for each in detected):
        raise _make_refusal(detected)
    return detected


def _make_refusal(detected: Sequence[DetectedPart]) -> ValidationError:
    if len(detected) == 1 and isinstance(detected[0].kind, RefusedKind):
        part, kind = detected[0].part, detected[0].kind
        found = {"kind": kind.label, "reason": REASONS[part.fault or kind.reason]}
        if part.name:
            message = _("%(file)s cannot be imported. It was recognized as: %(kind)s (%(reason)s).")
        else:
            message = _("The file cannot be imported. It was recognized as: %(kind)s (%(reason)s).")
        return make_file_error(message % {"file": part.name, **found}, part.fault or kind.reason)
    named = ", ".join(f"{each.part.name} ({each.kind.label})" for each in detected[:MAX_NAMED])
    message = _("Nothing in it can be imported. It contains: %(files)s.") % {"files": named}
    if (more := len(detected) - MAX_NAMED) > 0:
        message = ngettext(
            "Nothing in it can be imported. It contains: %(files)s, and %(count)s more file.",
            "Nothing in it can be imported. It contains: %(files)s, and %(count)s more files.",
            more,
        ) % {"files": named, "count": f"{more:,}"}
    return make_file_error(message, "unknown_format")


def _detect_part(part: Part, parts: Mapping[str, Part], *, alone: bool) -> DetectedPart:
    try:
        return DetectedPart(part, _detect_kind(PartStart(part, parts)))
    except ValidationError as error:
        code = error.error_dict["file"][0].code or ""
        if alone or code in FATAL_CODES:
            raise
        damaged = replace(part, fault=code if code in ENTRY_CODES else "broken")
        return DetectedPart(damaged, _detect_kind(PartStart(damaged, parts)))


def _detect_kind(start: PartStart) -> FileKind:
    if start.part.fault:
        return next(kind for kind in FALLBACKS if kind.recognise(start))
    for kind in FORMATS:
        if kind.recognise(start):
            return kind
    if start.json.kinds and len(start.data) >= SAMPLE_BYTES:
        start = start.look_further()
        for kind in FORMATS:
            if kind.recognise(start):
                return kind
    return next(kind for kind in FALLBACKS if kind.recognise(start))


def read_parts(
    detected: Sequence[DetectedPart], context: ReadContext
) -> Iterator[tuple[DetectedPart, Iterator[ReadResult]]]:
    """Yield each part with an iterator over what it contains. Must be read in order.

    Raises ValidationError (file) for a part that cannot be read if it is all that was given.
    """
    context = replace(context, parts={each.part.path: each.part for each in detected})
    for each in detected:
        yield each, _read_part(each, context, alone=len(detected) == 1)


def _read_part(detected: DetectedPart, context: ReadContext, *, alone: bool) -> Iterator[ReadResult]:
    part, kind = detected.part, detected.kind
    if part.fault:
        yield SkippedEntry(part.fault)
        return
    if isinstance(kind, RefusedKind):
        yield SkippedEntry(kind.reason)
        return
    is_empty = True
    try:
        for result in kind.read(part, context):
            is_empty = False
            yield make_ids_storable(_date_by_file(result, part)) if isinstance(result, ImportItem) else result
    except ValidationError as error:
        code = error.error_dict["file"][0].code or ""
        if alone or code in FATAL_CODES:
            raise
        yield SkippedEntry(code if code in ENTRY_CODES else "broken")
        return
    if is_empty:
        yield SkippedEntry("no_memories")


def _date_by_file(item: ImportItem, part: Part) -> ImportItem:
    """Give an item whose time is not understood that of its file: it must not seem to be the newest memory."""
    if item.created_at is not None or "undated" not in item.notes or part.modified_at is None:
        return item
    return replace(item, created_at=parse_time(part.modified_at))
