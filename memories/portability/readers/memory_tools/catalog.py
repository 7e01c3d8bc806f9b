"""The formats of memory servers and of agents' memory, and JSON in general."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.memory_tools.generic.json_list import JSON_LIST, UNKNOWN_JSON
from memories.portability.readers.memory_tools.knowledge_graph import KNOWLEDGE_GRAPH
from memories.portability.readers.memory_tools.langgraph import LANGGRAPH
from memories.portability.readers.memory_tools.letta import LETTA
from memories.portability.readers.memory_tools.mem0 import MEM0
from memories.portability.readers.memory_tools.memobase import MEMOBASE
from memories.portability.readers.memory_tools.openmemory import OPENMEMORY
from memories.portability.readers.memory_tools.pam import PAM, PAM_EMBEDDINGS
from memories.portability.readers.memory_tools.picard_jsonl import PICARD, PICARD_ACCOUNT
from memories.portability.readers.memory_tools.supermemory import SUPERMEMORY
from memories.portability.readers.memory_tools.zep import ZEP

MEMORY_TOOL_FORMATS: tuple[FileKind, ...] = (
    PICARD,
    PICARD_ACCOUNT,
    PAM,
    PAM_EMBEDDINGS,
    KNOWLEDGE_GRAPH,
    OPENMEMORY,
    SUPERMEMORY,
    ZEP,
    LETTA,
    LANGGRAPH,
    MEMOBASE,
    MEM0,
)
GENERIC_JSON: tuple[FileKind, ...] = (JSON_LIST, UNKNOWN_JSON)
