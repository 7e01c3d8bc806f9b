"""All file formats, in the order in which they are tried."""

from itertools import chain

from django.utils.translation import gettext as _

from memories.portability.readers.chats.catalog import CHAT_FORMATS
from memories.portability.readers.formats import FileKind, Format
from memories.portability.readers.memory_tools.catalog import GENERIC_JSON, MEMORY_TOOL_FORMATS
from memories.portability.readers.notes.catalog import NOTE_FORMATS
from memories.portability.readers.refused import HIDDEN, REFUSED_KINDS, UNKNOWN, UNKNOWN_JSON
from memories.portability.readers.tables.catalog import GENERIC_TABLES, TABLE_FORMATS
from memories.portability.readers.texts.catalog import GENERIC_TEXTS, TEXT_FORMATS

# The exports of products, each recognised by what only it has.
FORMATS: tuple[FileKind, ...] = (
    *MEMORY_TOOL_FORMATS,
    *CHAT_FORMATS,
    *TEXT_FORMATS,
    *TABLE_FORMATS,
    *NOTE_FORMATS,
)
# What is tried then: what is no content, general forms, and what cannot be read.
FALLBACKS: tuple[FileKind, ...] = (
    HIDDEN,
    *REFUSED_KINDS,
    *GENERIC_JSON,
    UNKNOWN_JSON,
    *GENERIC_TABLES,
    *GENERIC_TEXTS,
    UNKNOWN,
)
IMPORT_FORMATS = {kind.name: kind for kind in chain(FORMATS, FALLBACKS) if isinstance(kind, Format)}
FILE_KINDS = {kind.name: kind for kind in chain(FORMATS, FALLBACKS)}
MIXED = "mixed"  # the stored format of an import with files of several formats


def get_kind_label(name: str) -> str:
    """Return the text shown to the user for a stored name of a format or kind of file."""
    if name == MIXED:
        return _("Several formats")
    return str(FILE_KINDS[name].label) if name in FILE_KINDS else name
