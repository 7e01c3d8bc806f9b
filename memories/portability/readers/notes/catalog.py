"""The formats of note-taking apps."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.notes.markdown import MARKDOWN

NOTE_FORMATS: tuple[FileKind, ...] = (MARKDOWN,)
