"""Use every kind of operation through the Python client of openapi-generator: URL and token as arguments."""

import base64
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import picard_urllib3
from picard_urllib3 import (
    ApiClient,
    ApiException,
    Configuration,
    MemoriesApi,
    MemoryInRequest,
    MovingApi,
    PatchedMemoryChangesRequest,
    PersonApi,
    Problem,
    SearchApi,
    SearchInRequest,
    VisibilityEnum,
)


def get_problem(call: Callable[..., object], *arguments: object, **options: object) -> Any:
    try:
        call(*arguments, **options)
    except ApiException as error:
        return error.data
    return None


def run_steps(client: ApiClient) -> dict[str, Any]:
    memories, moving = MemoriesApi(client), MovingApi(client)
    result: dict[str, Any] = {"scopes": PersonApi(client).whoami().scopes}

    body = MemoryInRequest(text="Memory 1.", tags=["numbers"], expires_at=datetime(2999, 1, 31, tzinfo=UTC))
    first, again = (memories.create_memory(body, idempotency_key="only once") for _ in range(2))
    assert isinstance(first, picard_urllib3.Memory)
    assert first == again
    for number in range(2, 6):
        memories.create_memory(MemoryInRequest(text=f"Memory {number}."))
    result["created"] = [first.visibility.value, first.tags, first.expires_at.isoformat()]

    [tag] = memories.list_tags().results
    hits = SearchApi(client).search_memories(SearchInRequest(query="memory", tags_any=[tag.id]))
    result["found"] = [hit.memory.text for hit in hits.results]

    pages: list[list[str]] = []
    cursor = None
    while not pages or cursor:
        page = memories.list_memories(
            cursor=cursor, limit=2, visibility=VisibilityEnum.PRIVATE, since=datetime(2020, 1, 1, tzinfo=UTC)
        )
        pages.append([memory.text for memory in page.results])
        cursor = page.next_cursor
    result["pages"] = pages

    result["exports"] = {
        name: base64.b64encode(moving.export_memories(format=name)).decode()
        for name in ("jsonl", "pam", "markdown", "csv", "text")
    }

    preview = moving.look_at_import(b"[2026-01-31] - Memory 6.")
    result["imported"] = [preview.format, preview.new]

    changes = PatchedMemoryChangesRequest(text="Memory one.")
    changed = memories.change_memory(first.id, if_match='"1"', patched_memory_changes_request=changes)
    stale = get_problem(
        memories.change_memory, first.id, if_match='"1"', patched_memory_changes_request=changes
    )
    memories.trash_memory(first.id)
    missing = get_problem(memories.read_memory, first.id)
    invalid = get_problem(memories.create_memory, MemoryInRequest(text=" "))
    unknown = get_problem(memories.trash_memory, UUID(int=0))
    assert all(isinstance(each, Problem) for each in (stale, missing, invalid, unknown))
    result["changed"] = [changed.version, changed.text]
    result["problems"] = [[each.status, each.code] for each in (stale, missing, invalid, unknown)]
    result["pointers"] = [entry.pointer for entry in invalid.errors]
    return result


if __name__ == "__main__":
    url, token = sys.argv[1:]
    with ApiClient(Configuration(host=url, access_token=token)) as client:
        json.dump(run_steps(client), sys.stdout)
