"""Requests for every operation of the REST API, by operation id. Parameters in paths are filled by the walk."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from memories.portability.exports.formats import EXPORT_FORMATS
from tests.records.world import FOREIGN_APP, QUESTION, TAG

STALE, KEY = {"If-Match": '"77"'}, {"Idempotency-Key": "walk"}
PRIVATE, OLDER, TRASHED, PUBLIC = "{private}", "{older}", "{trashed}", "{public}"  # ids of memories
TEXT = "The zebra sleeps in the garden beside privatebird."  # of the private memory


class Call(NamedTuple):
    """A request without its path. times: how often it is sent; what counts is the last answer."""

    body: Any = None
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    times: int = 1


def bulk(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"operations": list(operations)}


UPDATES = (
    Call({}),
    Call({"visibility": "private"}),
    Call({"visibility": "public"}),
    Call({"text": "Moved."}),
    Call({"tags": [TAG]}),
    Call({"supersedes": OLDER}),
    Call({"supersedes": TRASHED}),
    Call({"pinned": True}),
    Call({"pinned": False}),
    Call({"text": ""}),
    Call({}, headers=STALE),
    Call({"expires_at": "2001-01-01T00:00:00Z"}),
)
CALLS: dict[str, tuple[Call, ...]] = {
    "list_memories": (
        Call(),
        Call(query={"limit": "1"}),
        Call(query={"visibility": "public"}),
        Call(query={"source": "web"}),
        Call(query={"pinned": "true"}),
        Call(query={"pinned": "false"}),
        Call(query={"source": f"api:{FOREIGN_APP}"}),
    ),
    "read_context": (
        Call(),
        Call(query={"max_tokens": "100"}),
        Call(query={"max_tokens": "8000", "query": "privatebird"}),
        Call(headers={"If-None-Match": "*"}),
    ),
    "create_memory": (
        Call({"text": "New."}),
        Call({"text": "New.", "pinned": True}),
        Call({"text": "New.", "supersedes": PRIVATE}),
        Call({"text": "New.", "supersedes": OLDER}),
        Call({"text": "New.", "supersedes": OLDER}, headers=KEY, times=2),
        *(
            Call({"text": TEXT, **more}, {"on_duplicate": choice}, headers, times)
            for choice in ("return", "refuse")
            for headers, times in (({}, 1), (KEY, 1), (KEY, 2))
            for more in ({}, {"tags": ["new"]}, {"tags": [f"tag {number}" for number in range(20)]})
        ),
    ),
    "search_memories": (
        Call({"query": "zebra"}),
        Call({"query": "privatebird"}),
        Call({"query": QUESTION, "source": f"api:{FOREIGN_APP}"}),
    ),
    "change_many": (
        Call(bulk({"op": "update", "id": PRIVATE})),
        Call(bulk({"op": "update", "id": PRIVATE, "expected_version": 77})),
        Call(bulk({"op": "update", "id": PRIVATE, "visibility": "public"}, {"op": "update", "id": PUBLIC})),
        Call(bulk({"op": "trash", "id": PRIVATE, "expected_version": 77})),
        Call(bulk({"op": "trash", "id": PRIVATE})),
        Call(bulk({"op": "create", "text": "New.", "supersedes": OLDER})),
        Call(bulk({"op": "update", "id": PRIVATE}), headers=KEY, times=2),
        Call(bulk({"op": "update", "id": PRIVATE, "tags": []}), headers=KEY, times=2),
    ),
    "read_memory": (Call(),),
    "replace_memory": (
        Call({"text": "Moved."}),
        Call({"text": TEXT, "tags": [TAG]}),
        Call({"text": "Moved."}, headers=STALE),
    ),
    "change_memory": UPDATES,
    "trash_memory": (Call(), Call(headers=STALE)),
    "list_similar": (Call(),),
    "unite_memories": (Call({}), Call({"merge": True}), Call({"merge": True}, headers=KEY, times=2)),
    "keep_both_memories": (Call(),),
    "list_history": (Call(), Call(query={"limit": "1"})),
    "restore_version": (Call(), Call(headers=KEY), Call(headers=KEY, times=2)),
    "list_trash": (Call(), Call(query={"expired": "true"})),
    "empty_trash": (Call(),),
    "delete_memory": (Call(),),
    "restore_memory": (Call(),),
    "list_tags": (Call(),),
    "rename_tag": (Call({"name": "other"}),),
    "merge_tags": (Call({"into": "{tag_id}"}),),
    "remove_tag": (Call(),),
    # Without a chat model it answers 404; tests/memories/review/test_extraction.py has one.
    "extract_memories": (Call({"conversation": "Me: the zebra sleeps."}),),
    "list_proposals": (Call(),),
    "accept_proposal": (Call({}), Call({"text": "Edited."})),
    "decline_proposal": (Call(),),
    "ask_persona": (
        Call({"question": QUESTION}),
        Call({"question": QUESTION}, headers={"Accept": "text/event-stream"}),
        Call({"question": "publicbird"}),
    ),
    "whoami": (Call(),),
    "read_profile": (Call(),),
    "change_profile": (Call({"bio": "New."}),),
    "list_apps": (Call(),),
    "read_app": (Call(),),
    "change_app": (Call({"paused": True}),),
    "disconnect_app": (Call(),),
    "forget_written_by_app": (Call(),),
    "list_imports": (Call(),),
    "look_at_import": (
        Call([{"memory": "The nightingale sings."}]),
        Call([{"memory": TEXT}]),
        Call([{"memory": "The zebra slept beside revisionbird."}]),
        Call({"picard": 1, "id": PRIVATE, "text": "Of another time.", "updated_at": "2001-01-01T00:00:00Z"}),
        Call({"picard": 1, "id": TRASHED, "text": "Of another time."}),
    ),
    "read_import": (Call(),),
    "run_import": (Call({}),),
    "undo_import": (Call(),),
    "discard_import": (Call(),),
    "export_memories": tuple(Call(query={"format": name}) for name in (*EXPORT_FORMATS, "everything")),
    "list_activity": (Call(), Call(query={"client_id": FOREIGN_APP})),
}  # fmt: skip
