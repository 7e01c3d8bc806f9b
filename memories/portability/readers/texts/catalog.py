"""The formats of plain text: lists of memories, answers of assistants, files of agents."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.texts.plain_text import MEMORY_LIST, TEXT

TEXT_FORMATS: tuple[FileKind, ...] = (MEMORY_LIST,)
GENERIC_TEXTS: tuple[FileKind, ...] = (TEXT,)
