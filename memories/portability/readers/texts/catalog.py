"""The formats of plain text: lists of memories, answers of assistants, files of agents."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.texts.plain_text import TEXT

TEXT_FORMATS: tuple[FileKind, ...] = ()
GENERIC_TEXTS: tuple[FileKind, ...] = (TEXT,)
