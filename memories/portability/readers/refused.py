"""Kinds of files that are not imported, each refused by its name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from django.utils.translation import gettext_lazy as _

from memories.portability.readers import markup
from memories.portability.readers.formats import PartStart, RefusedKind
from memories.portability.readers.tables.bookmarks import is_bookmark_table

ARCHIVE_FAULTS = frozenset({"broken_zip", "locked_zip", "no_memories", "too_deep_zip"})
HIDDEN_NAMES = frozenset({"thumbs.db", "desktop.ini", "icon\r"})
MEDIA_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic", ".heif", ".svg", ".bmp", ".tif", ".tiff", ".avif",
    ".ico", ".raw", ".mp3", ".m4a", ".wav", ".ogg", ".oga", ".opus", ".aac", ".flac", ".aiff", ".3gp", ".amr",
    ".caf", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".ttf", ".otf", ".woff", ".woff2",
})  # fmt: skip
MEDIA_SIGNATURES = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"ID3", b"OggS", b"fLaC",
    b"\x1aE\xdf\xa3", b"\xff\xfb", b"\0\0\1\0", b"wOFF", b"wOF2",
)  # fmt: skip
SPREADSHEET_SUFFIXES = frozenset({".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".gsheet"})
DOCUMENT_SUFFIXES = frozenset({
    ".pdf", ".docx", ".doc", ".dotx", ".pptx", ".ppt", ".odt", ".odp", ".epub", ".mobi", ".azw3", ".pages", ".key",
    ".one", ".gdoc", ".rtfd", ".djvu", ".ps",
})  # fmt: skip
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"  # Office before 2007
ARCHIVE_SUFFIXES = frozenset({
    ".tar", ".tgz", ".tbz", ".txz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".dmg", ".iso", ".cab", ".lz4",
})  # fmt: skip
ARCHIVE_SIGNATURES = (b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd")
PROGRAM_SIGNATURES = (
    b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\0asm",
)  # fmt: skip
PROGRAM_SUFFIXES = frozenset(
    {".exe", ".dll", ".so", ".dylib", ".msi", ".apk", ".jar", ".bin", ".class", ".pyc", ".wasm"}
)
DATABASE_SUFFIXES = frozenset(
    {".sqlite", ".sqlite3", ".db", ".db3", ".realm", ".mdb", ".accdb", ".parquet", ".pb"}
)
CODE_SUFFIXES = frozenset({
    ".py", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".css", ".scss", ".less", ".java", ".kt", ".swift", ".go",
    ".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".rb", ".php", ".pl", ".lua", ".r", ".jl", ".sh", ".bash", ".zsh",
    ".fish", ".ps1", ".bat", ".cmd", ".sql", ".vue", ".svelte", ".ipynb", ".tex", ".bib", ".sty", ".diff", ".patch",
    ".map",
    ".lock", ".gradle", ".cmake", ".asm", ".scala", ".dart", ".ex", ".exs", ".hs", ".clj", ".tf", ".proto", ".graphql",
})  # fmt: skip
SETTINGS_SUFFIXES = frozenset(
    {".toml", ".ini", ".cfg", ".conf", ".env", ".properties", ".plist", ".reg", ".editorconfig"}
)


def _is_hidden(start: PartStart) -> bool:
    folders = PurePosixPath(start.part.name).parts
    return any(each.startswith((".", "__MACOSX")) for each in folders) or start.base_name in HIDDEN_NAMES


HIDDEN = RefusedKind("hidden", _("settings or hidden file"), _is_hidden, "not_content")


def _is_empty(start: PartStart) -> bool:
    return not start.part.size or (start.is_text and not start.text.strip("\ufeff \t\r\n\0"))


def _is_binary(suffixes: frozenset[str], signatures: tuple[bytes, ...] = ()) -> Callable[[PartStart], bool]:
    """Return a test for one of these endings; a text of another kind may not have it."""
    return lambda start: (
        start.suffix in suffixes
        or (bool(signatures) and start.data.startswith(signatures) and not start.is_text)
    )


def _is_media(start: PartStart) -> bool:
    is_film = start.data[4:8] == b"ftyp"
    return is_film or _is_binary(MEDIA_SUFFIXES, MEDIA_SIGNATURES)(start)


def _is_document(start: PartStart) -> bool:
    return start.suffix in DOCUMENT_SUFFIXES or start.data.startswith((b"%PDF-", OLE_SIGNATURE))


def _is_archive(start: PartStart) -> bool:
    return start.data[257:262] == b"ustar" or _is_binary(ARCHIVE_SUFFIXES, ARCHIVE_SIGNATURES)(start)


def _is_database(start: PartStart) -> bool:
    return start.suffix in DATABASE_SUFFIXES or start.data.startswith(
        (b"SQLite format 3\0", b"PAR1", b"bplist00")
    )


def _begins(*beginnings: str) -> Callable[[PartStart], bool]:
    return lambda start: start.text[:200].upper().startswith(beginnings)


def _is_text_of(
    suffixes: tuple[str, ...] | frozenset[str], check: Callable[[PartStart], bool]
) -> Callable[[PartStart], bool]:
    return lambda start: start.is_text and (start.suffix in suffixes or check(start))


def _is_bookmarks(start: PartStart) -> bool:
    if start.suffix in (".webloc", ".url") or start.text[:200].upper().startswith(
        "<!DOCTYPE NETSCAPE-BOOKMARK"
    ):
        return True
    return start.is_text and is_bookmark_table(start)


def _is_map(start: PartStart) -> bool:
    beginning = start.text[:2_000].lower()
    return start.suffix in (".gpx", ".kml", ".kmz", ".tcx", ".fit") or (
        beginning.startswith("<") and ("<gpx" in beginning or "<kml" in beginning)
    )


REFUSED_KINDS: tuple[RefusedKind, ...] = (
    RefusedKind("broken_archive", _("ZIP"), lambda start: start.part.fault in ARCHIVE_FAULTS),
    RefusedKind("unread", _("file that cannot be read"), lambda start: bool(start.part.fault)),
    RefusedKind("empty", _("empty file"), _is_empty, "blank"),
    RefusedKind("spreadsheet", _("spreadsheet"), _is_binary(SPREADSHEET_SUFFIXES), "save_as_csv"),
    RefusedKind("attachment", _("image, sound or video"), _is_media, "attachment"),
    RefusedKind("document", _("PDF or Office document"), _is_document, "attachment"),
    RefusedKind(
        "anki_package", _("Anki package"), _is_binary(frozenset({".apkg", ".colpkg"})), "export_as_text"
    ),
    RefusedKind(
        "joplin_archive", _("Joplin archive (JEX)"), _is_binary(frozenset({".jex"})), "export_as_markdown"
    ),
    RefusedKind("archive", _("archive that is not a ZIP"), _is_archive, "pack_as_zip"),
    RefusedKind("database", _("database"), _is_database),
    RefusedKind("program", _("program"), _is_binary(PROGRAM_SUFFIXES, PROGRAM_SIGNATURES)),
    RefusedKind("contacts", _("contacts (vCard)"), _is_text_of((".vcf", ".vcard"), _begins("BEGIN:VCARD"))),
    RefusedKind(
        "calendar", _("calendar (iCalendar)"), _is_text_of((".ics", ".ical"), _begins("BEGIN:VCALENDAR"))
    ),
    RefusedKind("bookmarks", _("bookmarks"), _is_bookmarks),
    RefusedKind("mail", _("e-mail"), _is_text_of((".eml", ".mbox", ".emlx", ".mbx"), markup.is_mail)),
    RefusedKind("map", _("places or tracks (GPX, KML)"), _is_map),
    RefusedKind(
        "rich_text", _("rich text (RTF)"), _is_text_of((".rtf",), _begins("{\\RTF")), "export_as_text"
    ),
    RefusedKind(
        "html", _("HTML page"), _is_text_of((".html", ".htm", ".xhtml", ".mhtml", ".mht"), markup.is_html)
    ),
    RefusedKind(
        "xml", _("XML"), _is_text_of((".xml", ".opml", ".rss", ".atom", ".xsd", ".xsl"), markup.is_xml)
    ),
    RefusedKind("yaml", _("YAML"), _is_text_of((".yaml", ".yml"), markup.is_yaml)),
    RefusedKind("settings_file", _("settings file"), _is_text_of(SETTINGS_SUFFIXES, markup.is_settings)),
    RefusedKind("messages", _("chat with others (WhatsApp)"), markup.is_messages),
    RefusedKind("log", _("log"), _is_text_of((".log",), markup.is_log)),
    RefusedKind(
        "subtitles", _("subtitles"), _is_text_of((".srt", ".vtt", ".sub", ".ass"), markup.is_subtitles)
    ),
    RefusedKind(
        "key", _("key or certificate"), _is_text_of((".pem", ".crt", ".cer", ".asc.key"), markup.is_key)
    ),
    RefusedKind("code", _("source code"), _is_text_of(CODE_SUFFIXES, markup.is_code)),
)
# What a text file without the ending of its kind is by its content: tried before notes, which any text file may be.
PLAIN_SUFFIXES = ("", ".txt", ".text")
TEXT_KINDS = ("contacts", "calendar", "bookmarks", "mail", "map", "rich_text", "html", "xml", "settings_file",
    "messages", "log", "subtitles", "key", "code")  # fmt: skip


def _is_plain(recognise: Callable[[PartStart], bool]) -> Callable[[PartStart], bool]:
    return lambda start: start.suffix in PLAIN_SUFFIXES and not _is_hidden(start) and recognise(start)


REFUSED_TEXTS: tuple[RefusedKind, ...] = tuple(
    replace(kind, recognise=_is_plain(kind.recognise)) for kind in REFUSED_KINDS if kind.name in TEXT_KINDS
)
# Tried when no format has understood the JSON.
UNKNOWN_JSON = RefusedKind(
    "unknown_json",
    _("JSON of an unknown form"),
    _is_text_of((".json", ".jsonl", ".ndjson"), markup.is_json),
    "unknown_json",
)
UNKNOWN = RefusedKind("unknown", _("unknown file"), lambda _start: True, "unknown_kind")
