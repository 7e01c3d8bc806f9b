"""What is said of the operations on memories: keeping, searching, history, trash, near ones, tags."""

from memories import scopes
from memories.api import requests
from memories.api.openapi import examples, responses
from memories.api.openapi.operation import IDEMPOTENCY_KEY, IF_MATCH, Operation

TAG_ACCESS = (
    "An app needs `memories:write` too. To one that is narrowed to tags it is closed, and to one that asks first "
    "(403, `session_required`)."
)
PAIR_ACCESS = (
    "An app needs `memories:read` too; to one that asks first it is closed (403, `session_required`)."
)

MEMORY_OPERATIONS = {
    "list_memories": Operation(
        "get", "memories", "Memories, newest first",
        responses.MemoryPage, examples.MEMORIES, scopes.READ, query=requests.ListQuery,
        description="`next` stays right while memories are added. Tags are named by ids: addresses get into logs.",
    ),
    "create_memory": Operation(
        "post", "memories", "Keep a memory",
        responses.Memory, examples.MEMORY, scopes.WRITE, status=201,
        body=requests.MemoryIn, body_example=examples.MEMORY_IN,
        headers=(IDEMPOTENCY_KEY,), answer_headers=("ETag", "Location"), query=requests.CreateQuery, statuses=(409,),
        description="Found by its words at once, by meaning when `state` is ready. To make it public an app needs "
        "`memories:publish`. `on_duplicate` says what to do where a memory that the caller may read says just this: "
        "keep a second one (the default, and the quickest), `return` that one with 200, or `refuse` with 409 "
        "`duplicate`, whose `duplicate_of` is its id.",
        may_need_approval=True, alternate_status=200,
    ),
    "search_memories": Operation(
        "post", "search", "Search by word and by meaning",
        responses.Hits, examples.HITS, scopes.READ,
        body=requests.SearchIn, body_example=examples.SEARCH_IN,
        description="The query stands in the body, because addresses get into logs.",
    ),
    "change_many": Operation(
        "post", "memories", "Create, update and trash many",
        responses.Outcomes, examples.OUTCOMES, scopes.WRITE,
        body=requests.BulkIn, body_example=examples.BULK_IN, headers=(IDEMPOTENCY_KEY,),
        description="Up to 100 operations. Each is done wholly or not at all and has its own status; none stops the "
        "others. An app needs `memories:admin` too for anything but creating; one that asks first can put nothing in "
        "the trash.",
    ),
    "read_memory": Operation(
        "get", "memories", "One memory",
        responses.Memory, examples.MEMORY, scopes.READ, statuses=(404,), answer_headers=("ETag",),
    ),
    "replace_memory": Operation(
        "put", "memories", "Replace a memory",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404, 412),
        body=requests.MemoryIn, body_example=examples.MEMORY_IN,
        headers=(IF_MATCH,), answer_headers=("ETag",),
        description="What is not given becomes as if it were new. The text that was goes to the history.",
        may_need_approval=True,
    ),
    "change_memory": Operation(
        "patch", "memories", "Change a memory",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404, 412),
        body=requests.MemoryChanges, body_example=examples.MEMORY_CHANGES,
        headers=(IF_MATCH,), answer_headers=("ETag",),
        description="What is not given stays. The text that was goes to the history.",
        may_need_approval=True,
    ),
    "trash_memory": Operation(
        "delete", "memories", "Put a memory in the trash",
        scope=scopes.WRITE, status=204, statuses=(404, 412), headers=(IF_MATCH,),
        description="Its owner can restore it until it is purged. To an app that asks first it is closed (403, "
        "`session_required`).",
    ),
    "list_similar": Operation(
        "get", "memories", "Memories near in meaning, nearest first",
        responses.SimilarMemories, examples.SIMILAR, scopes.READ, statuses=(404,),
        description="Empty until the memory is embedded. `is_same`: both mean the same, and nobody said to keep both.",
    ),
    "unite_memories": Operation(
        "post", "memories", "Make one memory of two",
        responses.Memory, examples.UNITED, scopes.WRITE, statuses=(404, 412), headers=(IDEMPOTENCY_KEY,),
        answer_headers=("ETag",),
        body=requests.UniteIn, body_example=examples.UNITE_IN,
        description="The older takes the newer's text as a new version, or with `merge` has it after its own; the "
        "newer goes to the trash. The tags of both stay. It is public only if both were, and ends when the newer was "
        f"to end. To unite two public ones an app needs `memories:publish`. {PAIR_ACCESS}",
    ),
    "keep_both_memories": Operation(
        "post", "memories", "Keep both of two that mean the same",
        scope=scopes.WRITE, status=204, statuses=(404,),
        description=f"`is_same` is false between them from now on. {PAIR_ACCESS}",
    ),
    "list_history": Operation(
        "get", "history", "A memory's earlier texts, newest first",
        responses.RevisionPage, examples.REVISIONS, scopes.READ, query=requests.HistoryQuery, statuses=(404,),
    ),
    "restore_version": Operation(
        "post", "history", "Make an earlier text the current one",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404,), headers=(IDEMPOTENCY_KEY,),
        answer_headers=("ETag",),
        may_need_approval=True,
    ),
    "list_trash": Operation(
        "get", "trash", "What is in the trash or expired",
        responses.TrashPage, examples.TRASH, scopes.READ, query=requests.TrashQuery,
        description="With `expired`, only what expired, or only what was put there.",
    ),
    "empty_trash": Operation(
        "delete", "trash", "Delete everything in the trash for ever",
        responses.Deleted, examples.DELETED, scopes.ADMIN,
    ),
    "delete_memory": Operation(
        "delete", "trash", "Delete a memory for ever",
        scope=scopes.ADMIN, status=204, statuses=(404,), description="It must be in the trash.",
    ),
    "restore_memory": Operation(
        "post", "trash", "Take a memory out of the trash",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404,), headers=(IDEMPOTENCY_KEY,),
        answer_headers=("ETag",),
        description="An expiry that has passed is taken off it.",
    ),
    "list_tags": Operation(
        "get", "memories", "The tags in use",
        responses.Tags, examples.TAGS, scopes.READ, description="An app narrowed to tags sees those.",
    ),
    "rename_tag": Operation(
        "patch", "memories", "Rename a tag",
        responses.Tag, examples.TAG, scopes.ADMIN, statuses=(404,),
        body=requests.TagChanges, body_example=examples.TAG_CHANGES,
        description="On all memories that have it. Another tag's name is refused (`taken`): merge them. "
        f"{TAG_ACCESS}",
    ),
    "merge_tags": Operation(
        "post", "memories", "Make one tag of two",
        responses.Tag, examples.TAG, scopes.ADMIN, statuses=(404,),
        body=requests.MergeIn, body_example=examples.MERGE_IN, headers=(IDEMPOTENCY_KEY,),
        description=f"Every memory with this tag has the other instead, which is the answer. {TAG_ACCESS}",
    ),
    "remove_tag": Operation(
        "delete", "memories", "Take a tag off every memory",
        scope=scopes.ADMIN, status=204, statuses=(404,), description=f"The memories stay. {TAG_ACCESS}",
    ),
}  # fmt: skip
