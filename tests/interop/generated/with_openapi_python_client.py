"""Use every kind of operation through the client of openapi-python-client: URL and token as arguments."""

import base64
import io
import json
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from picard_httpx import AuthenticatedClient
from picard_httpx.api.memories import (
    change_memory,
    create_memory,
    list_memories,
    list_tags,
    read_memory,
    trash_memory,
)
from picard_httpx.api.moving import export_memories, look_at_import
from picard_httpx.api.person import whoami
from picard_httpx.api.search import search_memories
from picard_httpx.models import (
    ExportMemoriesFormat,
    Import,
    Memory,
    MemoryInRequest,
    MemoryPage,
    PatchedMemoryChangesRequest,
    Problem,
    SearchInRequest,
    VisibilityEnum,
)
from picard_httpx.types import UNSET, File


def run_steps(client: AuthenticatedClient) -> dict[str, Any]:
    result: dict[str, Any] = {"scopes": whoami.sync(client=client).scopes}

    body = MemoryInRequest(text="Memory 1.", tags=["numbers"], expires_at=datetime(2999, 1, 31, tzinfo=UTC))
    first, again = (
        create_memory.sync(client=client, body=body, idempotency_key="only once") for _ in range(2)
    )
    assert isinstance(first, Memory)
    assert first == again
    for number in range(2, 6):
        assert isinstance(
            create_memory.sync(client=client, body=MemoryInRequest(text=f"Memory {number}.")), Memory
        )
    result["created"] = [first.visibility.value, first.tags, first.expires_at.isoformat()]

    [tag] = list_tags.sync(client=client).results
    hits = search_memories.sync(client=client, body=SearchInRequest(query="memory", tags_any=[tag.id]))
    result["found"] = [hit.memory.text for hit in hits.results]

    pages: list[list[str]] = []
    cursor = UNSET
    while cursor is not None:
        page = list_memories.sync(
            client=client,
            cursor=cursor,
            limit=2,
            visibility=VisibilityEnum.PRIVATE,
            since=datetime(2020, 1, 1, tzinfo=UTC),
        )
        assert isinstance(page, MemoryPage)
        pages.append([memory.text for memory in page.results])
        cursor = page.next_cursor
    result["pages"] = pages

    result["exports"] = {
        name: base64.b64encode(
            export_memories.sync_detailed(client=client, format_=ExportMemoriesFormat(name)).content
        ).decode()
        for name in ("jsonl", "pam", "markdown", "csv", "text")
    }

    file = File(payload=io.BytesIO(b"[2026-01-31] - Memory 6."))
    preview = look_at_import.sync(client=client, body=file)
    assert isinstance(preview, Import)
    result["imported"] = [preview.format_, preview.new]

    changes = PatchedMemoryChangesRequest(text="Memory one.")
    changed = change_memory.sync(first.id, client=client, body=changes, if_match='"1"')
    assert isinstance(changed, Memory)
    stale = change_memory.sync(first.id, client=client, body=changes, if_match='"1"')
    assert trash_memory.sync_detailed(first.id, client=client).status_code == 204
    missing = read_memory.sync(first.id, client=client)
    invalid = create_memory.sync(client=client, body=MemoryInRequest(text=" "))
    unknown = trash_memory.sync(UUID(int=0), client=client)
    assert all(isinstance(each, Problem) for each in (stale, missing, invalid, unknown))
    result["changed"] = [changed.version, changed.text]
    result["problems"] = [[each.status, each.code] for each in (stale, missing, invalid, unknown)]
    result["pointers"] = [entry.pointer for entry in invalid.errors]
    return result


if __name__ == "__main__":
    url, token = sys.argv[1:]
    with AuthenticatedClient(base_url=url, token=token) as client:
        json.dump(run_steps(client), sys.stdout)
