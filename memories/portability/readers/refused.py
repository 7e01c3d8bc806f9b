"""Kinds of files that are not imported, each refused by its name."""

from pathlib import PurePosixPath

from django.utils.translation import gettext_lazy as _

from memories.portability.readers.formats import PartStart, RefusedKind

HIDDEN_NAMES = frozenset({"thumbs.db", "desktop.ini", "icon\r"})
ATTACHMENT_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic", ".svg", ".bmp", ".tif", ".tiff", ".avif", ".ico",
    ".mp3", ".m4a", ".wav", ".ogg", ".opus", ".aac", ".flac", ".3gp", ".amr", ".mp4", ".mov", ".avi", ".mkv", ".webm",
    ".pdf", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".pages", ".numbers", ".key",
})  # fmt: skip


def _is_hidden(start: PartStart) -> bool:
    folders = PurePosixPath(start.part.name).parts
    return any(each.startswith((".", "__MACOSX")) for each in folders) or start.base_name in HIDDEN_NAMES


HIDDEN = RefusedKind("hidden", _("settings or hidden file"), _is_hidden, "not_content")

REFUSED_KINDS: tuple[RefusedKind, ...] = (
    RefusedKind("empty", _("empty file"), lambda start: not start.part.size, "blank"),
    RefusedKind(
        "attachment", _("attachment"), lambda start: start.suffix in ATTACHMENT_SUFFIXES, "attachment"
    ),
    RefusedKind("broken_archive", _("zip"), lambda start: bool(start.part.fault)),
)

UNKNOWN = RefusedKind("unknown", _("unknown file"), lambda _start: True, "unknown_kind")
