"""The compared servers, in the order of the report."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from benchmarks.whole.adapters.basic_memory import run_basic_memory
from benchmarks.whole.adapters.chroma import run_chroma
from benchmarks.whole.adapters.mcp_memory import run_mcp_memory
from benchmarks.whole.adapters.mem0_server import run_mem0
from benchmarks.whole.adapters.memlord import run_memlord
from benchmarks.whole.adapters.picard import run_picard
from benchmarks.whole.calls import RunningServer
from benchmarks.whole.setup import Setup

NEED_ENDPOINT = frozenset({"mem0", "basic-memory"})  # embed by HTTP
SYSTEMS: dict[str, Callable[[Setup], AbstractContextManager[RunningServer]]] = {
    "picard": run_picard,
    "mcp-memory-service": run_mcp_memory,
    "mem0": run_mem0,
    "memlord": run_memlord,
    "basic-memory": run_basic_memory,
    "chromadb": run_chroma,
}
