"""The formats of memory servers and of agents' memory, and JSON in general."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.memory_tools.json_list import JSON_LIST
from memories.portability.readers.memory_tools.mem0 import MEM0
from memories.portability.readers.memory_tools.pam import PAM
from memories.portability.readers.memory_tools.picard_jsonl import PICARD

MEMORY_TOOL_FORMATS: tuple[FileKind, ...] = (PICARD, PAM, MEM0)
GENERIC_JSON: tuple[FileKind, ...] = (JSON_LIST,)
