"""OpenAPI descriptions of the other operations: proposals, persona, profile, apps, imports, export, activity."""

from drf_spectacular.types import OpenApiTypes

from memories import scopes
from memories.api import requests
from memories.api.openapi import examples, responses
from memories.api.openapi.operation import IDEMPOTENCY_KEY, IF_MATCH, File, Operation

SESSION_ONLY = "Requires the user's own session; apps get 403 `session_required`."
IMPORT_ACCESS = "An app also needs `memories:read` and `memories:write`, and sees only its own imports."
# Generators that know one type per response take the first that they know. Bytes come first, JSON last: a client
# that parsed every export as JSON would fail on all others.
EXPORTS = {
    "application/x-ndjson": File(OpenApiTypes.BINARY, examples.EXPORTED_LINES),
    "application/zip": File(OpenApiTypes.BINARY, examples.EXPORTED_ZIP),
    "text/csv": File(OpenApiTypes.STR, examples.EXPORTED_CSV),
    "text/plain": File(OpenApiTypes.STR, examples.EXPORTED_TEXT),
    "application/json": File(responses.JSON_EXPORT, examples.EXPORTED_STORE),
}

PERSON_OPERATIONS = {
    "extract_memories": Operation(
        "post", "review", "Extract memories from a conversation",
        responses.Proposals, examples.FOUND, scopes.WRITE,
        body=requests.ConversationIn, body_example=examples.CONVERSATION_IN,
        description="The server's chat model selects what is worth remembering. Nothing is saved: each result is a "
        "proposal that needs the user's approval, even in their own session; extracting the same text again adds no "
        "second proposal. A server without a chat model, and `marked_only`, take the lines that the user marked "
        "`remember:` instead, in any of the languages that users can choose, except those of turns that begin with "
        "`Assistant:`. Fails with 403 `model_not_allowed` if the model is on another host and the user has not allowed "
        "that, and with 503 `model_unavailable` or `model_not_understood` if the model fails; no proposals are stored "
        "then. Of an answer that is cut off or partly invalid, what can be read is stored, and `is_complete` is false.",
    ),
    "list_proposals": Operation(
        "get", "review", "List pending proposals, newest first",
        responses.ProposalPage, examples.PROPOSALS, query=requests.PageQuery, description=SESSION_ONLY,
    ),
    "accept_proposal": Operation(
        "post", "review", "Approve a proposal",
        responses.Memory, examples.MEMORY, status=201, statuses=(404, 412), response_headers=("ETag", "Location"),
        body=requests.AcceptIn, body_example=examples.ACCEPT_IN, headers=(IF_MATCH, IDEMPOTENCY_KEY),
        description="Saves the proposal, with this text and these tags if given. The memory's source is the app that "
        f"proposed it. With `If-Match`: only if the memory to change still has this version. {SESSION_ONLY}",
    ),
    "decline_proposal": Operation(
        "delete", "review", "Decline a proposal", status=204, statuses=(404,), description=SESSION_ONLY,
    ),
    "ask_persona": Operation(
        "post", "person", "Ask a persona",
        responses.Answer, examples.ANSWER,
        body=requests.QuestionIn, body_example=examples.QUESTION_IN, statuses=(404,),
        description="The user's own persona (`me`, or their own handle) needs `memories:read` and answers from all the "
        "memories that the app can read. The persona of another user, who must have turned it on, needs "
        "`persona:query` and answers from public memories. The answer quotes the memories and cites each; if the "
        "server has a chat model, and the user allows it to read private memories, the model writes the answer "
        "(`mode`). With `Accept: text/event-stream` the response is a stream of events: `sources`, then `text` for "
        "each part, and finally `answer`, the complete answer, which replaces everything before it. Nothing is stored.",
    ),
    "whoami": Operation(
        "get", "person", "Get the caller's identity and permissions", responses.Whoami, examples.WHOAMI,
    ),
    "read_profile": Operation(
        "get", "person", "Get the user's profile", responses.Profile, examples.PROFILE, scopes.READ,
    ),
    "change_profile": Operation(
        "patch", "person", "Update the user's profile",
        responses.Profile, examples.PROFILE, body=requests.ProfileChanges, body_example=examples.PROFILE_CHANGES,
        description=SESSION_ONLY,
    ),
    "list_apps": Operation(
        "get", "apps", "List connected apps, newest first",
        responses.Apps, examples.APPS, description=f"Personal access tokens are among them. {SESSION_ONLY}",
    ),
    "read_app": Operation(
        "get", "apps", "Get a connected app", responses.App, examples.APP, statuses=(404,), description=SESSION_ONLY,
    ),
    "change_app": Operation(
        "patch", "apps", "Limit, pause or resume the access of an app",
        responses.App, examples.APP, body=requests.AppChanges, body_example=examples.APP_CHANGES, statuses=(404,),
        description="Omitted fields stay unchanged. Takes effect at the app's next request. Scopes that the app was "
        "not granted must be requested by the app itself, and the end of a personal access token can only be made "
        f"earlier. {SESSION_ONLY}",
    ),
    "disconnect_app": Operation(
        "delete", "apps", "Disconnect an app", status=204, statuses=(404,),
        description=f"All of its tokens become invalid immediately. {SESSION_ONLY}",
    ),
    "forget_written_by_app": Operation(
        "post", "apps", "Move the memories of an app to trash",
        responses.Trashed, examples.TRASHED, statuses=(404,),
        description=f"Every memory whose current text was written by the app. {SESSION_ONLY}",
    ),
    "list_imports": Operation(
        "get", "moving", "List imports, newest first",
        responses.Imports, examples.IMPORTS, scopes.ADMIN, description=IMPORT_ACCESS,
    ),
    "look_at_import": Operation(
        "post", "moving", "Preview an import",
        responses.Import, examples.IMPORT, scopes.ADMIN, status=201, statuses=(409,), query=requests.ImportQuery,
        body=OpenApiTypes.BINARY, body_example=examples.IMPORT_IN, media_type="application/octet-stream",
        # The form is described only here: typescript-fetch imports a schema of it that it does not generate.
        response_headers=("Location",),
        description="The body is a file of any media type, with its name in `Content-Disposition` if it has one, or a "
        "form (multipart/form-data) with any number of `file` parts, whose file names may have folders, and a `text`. "
        "Formats are detected from the content; `files` says what comes of each file. Nothing is saved before "
        f"`run_import`. An earlier import that was not started is canceled. {IMPORT_ACCESS}",
    ),
    "read_import": Operation(
        "get", "moving", "Get an import",
        responses.Import, examples.IMPORT, scopes.ADMIN, statuses=(404,), description=IMPORT_ACCESS,
    ),
    "run_import": Operation(
        "post", "moving", "Run a previewed import",
        responses.Import, examples.IMPORTED, scopes.ADMIN, statuses=(404,),
        body=requests.RunIn, body_example=examples.RUN_IN,
        description=f"Runs for a few seconds per call: while `state` is `running`, call it again. {IMPORT_ACCESS}",
    ),
    "undo_import": Operation(
        "post", "moving", "Move the memories of an import to trash",
        responses.Import, examples.UNDONE, scopes.ADMIN, statuses=(404,), description=IMPORT_ACCESS,
    ),
    "discard_import": Operation(
        "delete", "moving", "Cancel an import that was not started",
        scope=scopes.ADMIN, status=204, statuses=(404,), description=IMPORT_ACCESS,
    ),
    "export_memories": Operation(
        "get", "moving", "Export all memories as a file",
        scope=scopes.ADMIN, query=requests.ExportQuery, files=EXPORTS,
        description="The file is streamed. `jsonl` (the default) is application/x-ndjson and complete; `pam` is a "
        "portable-ai-memory store and `mem0` a list of memories as mem0 has them, both in application/json; `mcp` is "
        "the file of the MCP memory server in application/x-ndjson; `markdown` is a zip file of notes; `csv` is "
        "text/csv; `text` is text/plain. An app also needs `memories:read`; `everything`, a zip file, requires the "
        "user's own session.",
    ),
    "list_activity": Operation(
        "get", "person", "List the activity on the user's memories, newest first",
        responses.Events, examples.EVENTS, scopes.READ, query=requests.ActivityQuery,
        description="With `client_id`: what one app did and what was done to it. An app sees only its own activity. "
        "A page ends early where its events have more than 10,000 memories in all.",
    ),
}  # fmt: skip
