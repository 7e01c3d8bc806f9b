"""The formats of note-taking apps."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.notes.day_one import DAY_ONE, DAY_ONE_TEXT
from memories.portability.readers.notes.evernote import EVERNOTE
from memories.portability.readers.notes.html_notes import APPLE_JOURNAL, HTML_NOTE, JOURNAL_INDEX
from memories.portability.readers.notes.keep import KEEP, KEEP_HTML, KEEP_LABELS, KEEP_TWIN
from memories.portability.readers.notes.markdown.canvas import CANVAS
from memories.portability.readers.notes.markdown.joplin import JOPLIN
from memories.portability.readers.notes.markdown.logseq import LOGSEQ, LOGSEQ_BACKUP, LOGSEQ_SETTINGS
from memories.portability.readers.notes.markdown.note import MARKDOWN
from memories.portability.readers.notes.markdown.org import ORG
from memories.portability.readers.notes.markdown.templates import NOTE_TEMPLATE
from memories.portability.readers.notes.markdown.text_bundle import BUNDLE_INFO, TEXT_BUNDLE
from memories.portability.readers.notes.notion import NOTION, NOTION_HTML, NOTION_INDEX
from memories.portability.readers.notes.notion_tables import NOTION_FILTERED_TABLE, NOTION_TABLE
from memories.portability.readers.notes.roam import ROAM
from memories.portability.readers.notes.simplenote import SIMPLENOTE, SIMPLENOTE_TWIN
from memories.portability.readers.notes.standard_notes import STANDARD_NOTES, STANDARD_NOTES_TWIN
from memories.portability.readers.notes.text_notes import APPLE_LIST, NOTE_IN_TRASH, TEXT_NOTE

NOTE_FORMATS: tuple[FileKind, ...] = (
    KEEP, KEEP_TWIN, KEEP_HTML, KEEP_LABELS,
    DAY_ONE, DAY_ONE_TEXT, SIMPLENOTE, NOTE_IN_TRASH, SIMPLENOTE_TWIN, STANDARD_NOTES, STANDARD_NOTES_TWIN,
    ROAM, CANVAS, EVERNOTE,
    NOTION_FILTERED_TABLE, NOTION_TABLE, NOTION_INDEX, NOTION_HTML, NOTION,
    LOGSEQ_BACKUP, LOGSEQ_SETTINGS, LOGSEQ, JOPLIN, TEXT_BUNDLE, BUNDLE_INFO,
    APPLE_LIST, APPLE_JOURNAL, JOURNAL_INDEX,
    NOTE_TEMPLATE, MARKDOWN, ORG, TEXT_NOTE, HTML_NOTE,
)  # fmt: skip
