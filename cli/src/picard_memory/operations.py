"""The operations of the REST API that the SDK calls, by their operationId in docs/openapi.yaml."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import quote


class Operation(NamedTuple):
    """method and path of an operation.

    has_key: whether it takes an Idempotency-Key, so that a repetition acts only once.
    is_read: whether it changes nothing, so that it can be repeated.
    """

    method: str
    path: str
    has_key: bool = False
    is_read: bool = False

    def build_path(self, *arguments: object) -> str:
        """Return the path with its parameters, each quoted."""
        parts = iter(arguments)
        return "/".join(
            quote(str(next(parts)), safe="") if part.startswith("{") else part
            for part in self.path.split("/")
        )


OperationName = Literal[
    "list_memories", "create_memory", "search_memories", "change_many", "extract_memories", "read_memory",
    "change_memory", "trash_memory", "list_similar", "unite_memories", "keep_both_memories", "list_history",
    "restore_version", "list_tags", "ask_persona", "read_context", "whoami", "list_activity", "list_imports",
    "look_at_import", "read_import", "discard_import", "run_import", "undo_import", "export_memories",
]  # fmt: skip

_MEMORY = "/api/v1/memories/{memory_id}/"
_IMPORT = "/api/v1/import/{batch_id}/"
OPERATIONS: dict[OperationName, Operation] = {
    "list_memories": Operation("GET", "/api/v1/memories/", is_read=True),
    "create_memory": Operation("POST", "/api/v1/memories/", has_key=True),
    "search_memories": Operation("POST", "/api/v1/memories/search/", is_read=True),
    "change_many": Operation("POST", "/api/v1/memories/bulk/", has_key=True),
    "extract_memories": Operation("POST", "/api/v1/memories/extract/"),
    "read_memory": Operation("GET", _MEMORY, is_read=True),
    "change_memory": Operation("PATCH", _MEMORY),
    "trash_memory": Operation("DELETE", _MEMORY),
    "list_similar": Operation("GET", f"{_MEMORY}similar/", is_read=True),
    "unite_memories": Operation("POST", f"{_MEMORY}similar/{{other_id}}/unite/", has_key=True),
    "keep_both_memories": Operation("POST", f"{_MEMORY}similar/{{other_id}}/keep/"),
    "list_history": Operation("GET", f"{_MEMORY}history/", is_read=True),
    "restore_version": Operation("POST", f"{_MEMORY}history/{{version}}/restore/", has_key=True),
    "list_tags": Operation("GET", "/api/v1/tags/", is_read=True),
    "ask_persona": Operation("POST", "/api/v1/personas/{handle}/ask/", is_read=True),
    "read_context": Operation("GET", "/api/v1/context/", is_read=True),
    "whoami": Operation("GET", "/api/v1/whoami/", is_read=True),
    "list_activity": Operation("GET", "/api/v1/activity/", is_read=True),
    "list_imports": Operation("GET", "/api/v1/import/", is_read=True),
    "look_at_import": Operation("POST", "/api/v1/import/"),
    "read_import": Operation("GET", _IMPORT, is_read=True),
    "discard_import": Operation("DELETE", _IMPORT),
    "run_import": Operation("POST", f"{_IMPORT}run/"),
    "undo_import": Operation("POST", f"{_IMPORT}undo/"),
    "export_memories": Operation("GET", "/api/v1/export/", is_read=True),
}
