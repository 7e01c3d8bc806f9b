"""OpenAPI descriptions of the operations on memories: CRUD, search, history, trash, similar memories, tags."""

from memories import scopes
from memories.api import requests
from memories.api.openapi import examples, responses
from memories.api.openapi.operation import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, Operation

TAG_ACCESS = (
    "An app also needs `memories:write`. Not for apps that are limited to tags or whose changes need approval (403, "
    "`session_required`)."
)
PAIR_ACCESS = (
    "An app also needs `memories:read`. Not for apps whose changes need approval (403, `session_required`)."
)

MEMORY_OPERATIONS = {
    "list_memories": Operation(
        "get", "memories", "List memories, newest first",
        responses.MemoryPage, examples.MEMORIES, scopes.READ, query=requests.ListQuery,
        description="`next` stays valid while memories are added. Tags are given by ID because URLs end up in logs.",
    ),
    "create_memory": Operation(
        "post", "memories", "Create a memory",
        responses.Memory, examples.MEMORY, scopes.WRITE, status=201,
        body=requests.MemoryIn, body_example=examples.MEMORY_IN,
        headers=(IDEMPOTENCY_KEY,), response_headers=("ETag", "Location"), query=requests.CreateQuery, statuses=(409,),
        description="Keyword search finds it immediately, semantic search once `state` is `ready`. To make it "
        "public, an app needs `memories:publish`. `on_duplicate` sets what happens if a memory that the caller can "
        "read has the same text: `keep` creates another one (the default, and the fastest), `return` adds the tags "
        "and a later expiry to the existing one and returns it with 200, and `refuse` fails with 409 `duplicate`, "
        "whose `duplicate_of` is its ID. If it replaces an older memory that is no longer true, pass its ID as "
        "`supersedes`: the older one stays, and comes after this one. 400 if it does not exist (`not_found`), another "
        "memory already supersedes it (`superseded`), or the links would form a circle (`circle`).",
        may_need_approval=True, alternate_status=200,
    ),
    "search_memories": Operation(
        "post", "search", "Search by keyword and by meaning",
        responses.Hits, examples.HITS, scopes.READ,
        body=requests.SearchIn, body_example=examples.SEARCH_IN,
        description="Unrelated memories are left out, and a superseded memory comes after the one that replaces it. "
        "The query is in the body because URLs end up in logs.",
    ),
    "change_many": Operation(
        "post", "memories", "Create, update and trash memories in bulk",
        responses.Outcomes, examples.OUTCOMES, scopes.WRITE,
        body=requests.BulkIn, body_example=examples.BULK_IN, headers=(IDEMPOTENCY_KEY,),
        description="Up to 100 operations. Each is atomic and has its own status; a failed one does not stop the "
        "others. For anything but creating, an app also needs `memories:admin`. Apps whose changes need approval "
        "cannot move memories to trash.",
    ),
    "read_memory": Operation(
        "get", "memories", "Get a memory",
        responses.Memory, examples.MEMORY, scopes.READ, statuses=(404,), response_headers=("ETag",),
    ),
    "replace_memory": Operation(
        "put", "memories", "Replace a memory",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404, 412),
        body=requests.MemoryIn, body_example=examples.MEMORY_IN,
        headers=(IF_MATCH,), response_headers=("ETag",),
        description="Omitted fields are reset to their defaults. The previous text is added to the history.",
        may_need_approval=True,
    ),
    "change_memory": Operation(
        "patch", "memories", "Update a memory",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404, 412),
        body=requests.MemoryChanges, body_example=examples.MEMORY_CHANGES,
        headers=(IF_MATCH,), response_headers=("ETag",),
        description="Omitted fields stay unchanged. The previous text is added to the history. `supersedes`: see "
        "creating a memory; `null` removes the link.",
        may_need_approval=True,
    ),
    "trash_memory": Operation(
        "delete", "memories", "Move a memory to trash",
        scope=scopes.WRITE, status=204, statuses=(404, 412), headers=(IF_MATCH,),
        description="Its owner can restore it until it is purged. Not for apps whose changes need approval (403, "
        "`session_required`).",
    ),
    "list_similar": Operation(
        "get", "memories", "List memories with a similar meaning, most similar first",
        responses.SimilarMemories, examples.SIMILAR, scopes.READ, statuses=(404,),
        description="Empty until the memory is embedded. `is_same`: a likely duplicate, unless both were kept. "
        "`update`: the newer of the two may replace the older one, because of `differences`; to accept, set "
        "`supersedes` of the newer one, to decline, keep both.",
    ),
    "unite_memories": Operation(
        "post", "memories", "Merge two memories",
        responses.Memory, examples.UNITED, scopes.WRITE, statuses=(404, 412), headers=(IDEMPOTENCY_KEY,),
        response_headers=("ETag",),
        body=requests.UniteIn, body_example=examples.UNITE_IN,
        description="The older memory gets the newer one's text as a new version; with `merge`, the newer text is "
        "appended to its own. The newer memory is moved to trash. The result has the tags of both, is public only if "
        "both were, and expires when the newer one would have. To merge two public memories, an app needs "
        "`memories:publish`. "
        f"{PAIR_ACCESS}",
    ),
    "keep_both_memories": Operation(
        "post", "memories", "Keep both of two likely duplicates",
        scope=scopes.WRITE, status=204, statuses=(404,),
        description=f"Sets `is_same` to false and `update` to null for the pair. {PAIR_ACCESS}",
    ),
    "list_history": Operation(
        "get", "history", "List the earlier versions of a memory, newest first",
        responses.RevisionPage, examples.REVISIONS, scopes.READ, query=requests.HistoryQuery, statuses=(404,),
    ),
    "restore_version": Operation(
        "post", "history", "Restore an earlier version",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404,), headers=(IDEMPOTENCY_KEY,),
        response_headers=("ETag",),
        may_need_approval=True,
    ),
    "list_trash": Operation(
        "get", "trash", "List trashed and expired memories",
        responses.TrashPage, examples.TRASH, scopes.READ, query=requests.TrashQuery,
        description="`expired=true` lists only expired memories, `expired=false` only trashed ones.",
    ),
    "empty_trash": Operation(
        "delete", "trash", "Permanently delete everything in the trash",
        responses.Deleted, examples.DELETED, scopes.ADMIN,
    ),
    "delete_memory": Operation(
        "delete", "trash", "Permanently delete a memory",
        scope=scopes.ADMIN, status=204, statuses=(404,), description="The memory must be in the trash.",
    ),
    "restore_memory": Operation(
        "post", "trash", "Restore a memory from the trash",
        responses.Memory, examples.CHANGED, scopes.WRITE, statuses=(404,), headers=(IDEMPOTENCY_KEY,),
        response_headers=("ETag",),
        description="An expiry that has passed is removed.",
    ),
    "read_context": Operation(
        "get", "context", "Get what an app should know at the start",
        responses.Context, examples.CONTEXT, scopes.READ, query=requests.ContextQuery,
        headers=(IF_NONE_MATCH,), response_headers=("ETag",),
        description="A text for a system prompt: pinned memories first, then what `query` is about, then the newest, "
        "grouped by tag, without duplicates and without superseded ones. Each is quoted in one line, with its ID. It "
        "never has more than `max_tokens` tokens of cl100k_base or o200k_base. The same memories give the same text "
        "and ETag.",
    ),
    "list_tags": Operation(
        "get", "memories", "List the tags in use",
        responses.Tags, examples.TAGS, scopes.READ, query=requests.TagQuery,
        description="By name. Of more tags than `limit`, those on most memories are on the first page. An app limited "
        "to tags gets only those.",
    ),
    "rename_tag": Operation(
        "patch", "memories", "Rename a tag",
        responses.Tag, examples.TAG, scopes.ADMIN, statuses=(404,),
        body=requests.TagChanges, body_example=examples.TAG_CHANGES,
        description="Applies to every memory with the tag. If another tag has the name (`taken`), merge the two. "
        f"{TAG_ACCESS}",
    ),
    "merge_tags": Operation(
        "post", "memories", "Merge two tags",
        responses.Tag, examples.TAG, scopes.ADMIN, statuses=(404,),
        body=requests.MergeIn, body_example=examples.MERGE_IN, headers=(IDEMPOTENCY_KEY,),
        description=f"Replaces this tag with the other one on every memory, and returns the other one. {TAG_ACCESS}",
    ),
    "remove_tag": Operation(
        "delete", "memories", "Remove a tag from every memory",
        scope=scopes.ADMIN, status=204, statuses=(404,), description=f"The memories are kept. {TAG_ACCESS}",
    ),
}  # fmt: skip
