"""The formats of plain text: lists of memories, answers of assistants, files of agents."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.texts.agent_files import AGENT_FILE
from memories.portability.readers.texts.claude_code import CLAUDE_CODE
from memories.portability.readers.texts.mem0_markdown import MEM0_MARKDOWN
from memories.portability.readers.texts.plain_text import MEMORY_LIST, TEXT

TEXT_FORMATS: tuple[FileKind, ...] = (CLAUDE_CODE, MEM0_MARKDOWN, AGENT_FILE, MEMORY_LIST)
GENERIC_TEXTS: tuple[FileKind, ...] = (TEXT,)
