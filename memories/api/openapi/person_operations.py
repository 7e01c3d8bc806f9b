"""What is said of the operations on the rest of what is a person's: proposals, apps, imports, profile."""

from drf_spectacular.types import OpenApiTypes

from memories import scopes
from memories.api import requests
from memories.api.openapi import examples, responses
from memories.api.openapi.operation import IDEMPOTENCY_KEY, IF_MATCH, Operation

SESSION_ONLY = "By the person's own session only; an app is answered 403, `session_required`."
IMPORT_ACCESS = "An app needs `memories:read` and `memories:write` too, and is told of its own imports alone."
EXPORT_MEDIA_TYPES = ("application/x-ndjson", "application/json", "application/zip", "text/csv", "text/plain")

PERSON_OPERATIONS = {
    "extract_memories": Operation(
        "post", "review", "Look for memories in a conversation",
        responses.Proposals, examples.FOUND, scopes.WRITE, statuses=(404,),
        body=requests.ConversationIn, body_example=examples.CONVERSATION_IN,
        description="The server's chat model says what is worth remembering. Nothing is saved: each thing waits for "
        "the person's yes, whoever asks, and the same found again waits once. 404 `no_chat_model` where the server has "
        "none; 403 `model_not_allowed` where it is on another host and the person has not said yes to that; 503 "
        "`model_unavailable` or `model_not_understood` where it fails, and nothing is kept then.",
    ),
    "list_proposals": Operation(
        "get", "review", "What waits for the person's yes, newest first",
        responses.ProposalPage, examples.PROPOSALS, query=requests.PageQuery, description=SESSION_ONLY,
    ),
    "accept_proposal": Operation(
        "post", "review", "Keep what was proposed",
        responses.Memory, examples.MEMORY, status=201, statuses=(404, 412), answer_headers=("ETag", "Location"),
        body=requests.AcceptIn, body_example=examples.ACCEPT_IN, headers=(IF_MATCH, IDEMPOTENCY_KEY),
        description="As it was proposed, or with this text and these tags. The memory is its app's. With `If-Match`, "
        f"only while the memory that would change is of the version that was seen. {SESSION_ONLY}",
    ),
    "decline_proposal": Operation(
        "delete", "review", "Throw away what was proposed", status=204, statuses=(404,), description=SESSION_ONLY,
    ),
    "ask_persona": Operation(
        "post", "person", "Ask a persona",
        responses.Answer, examples.ANSWER,
        body=requests.QuestionIn, body_example=examples.QUESTION_IN, statuses=(404,),
        description="Of oneself (`me`, or one's own handle) it needs `memories:read`, and answers from all that the "
        "app may see; of others who switched their persona on `persona:query`, and answers from what they made public. "
        "The answer is the memories themselves, each cited; where the server has a chat model, and the person lets it "
        "read private ones, it is in the model's words (`mode`). With `Accept: text/event-stream` it comes as events: "
        "`sources`, then `text` as often as words come, and at last `answer`, the whole of it, which stands for all "
        "that came before. Nothing of it is kept.",
    ),
    "whoami": Operation(
        "get", "person", "Who is asking, and what they may do", responses.Whoami, examples.WHOAMI,
    ),
    "read_profile": Operation(
        "get", "person", "What the person says of themselves", responses.Profile, examples.PROFILE, scopes.READ,
    ),
    "change_profile": Operation(
        "patch", "person", "Change the profile",
        responses.Profile, examples.PROFILE, body=requests.ProfileChanges, body_example=examples.PROFILE_CHANGES,
        description=SESSION_ONLY,
    ),
    "list_apps": Operation(
        "get", "apps", "The connected apps, newest first",
        responses.Apps, examples.APPS, description=SESSION_ONLY,
    ),
    "read_app": Operation(
        "get", "apps", "One connected app", responses.App, examples.APP, statuses=(404,), description=SESSION_ONLY,
    ),
    "change_app": Operation(
        "patch", "apps", "Narrow, pause or let go on, or set an end",
        responses.App, examples.APP, body=requests.AppChanges, body_example=examples.APP_CHANGES, statuses=(404,),
        description="What is not given stays. It counts from the app's next request; more scopes than it was given "
        f"it must ask for itself. {SESSION_ONLY}",
    ),
    "disconnect_app": Operation(
        "delete", "apps", "Disconnect an app", status=204, statuses=(404,),
        description=f"From that moment no token of it is worth anything. {SESSION_ONLY}",
    ),
    "forget_written_by_app": Operation(
        "post", "apps", "Put in the trash what an app wrote",
        responses.Trashed, examples.TRASHED, statuses=(404,),
        description=f"Every memory whose present text is the app's. {SESSION_ONLY}",
    ),
    "list_imports": Operation(
        "get", "moving", "Imports, newest first",
        responses.Imports, examples.IMPORTS, scopes.ADMIN, description=IMPORT_ACCESS,
    ),
    "look_at_import": Operation(
        "post", "moving", "Look at what a file would bring",
        responses.Import, examples.IMPORT, scopes.ADMIN, status=201, statuses=(409,), query=requests.ImportQuery,
        body=OpenApiTypes.BINARY, body_example=examples.IMPORT_IN, media_type="application/octet-stream",
        answer_headers=("Location",),
        description="The body is the file: its format is found out from its content. Nothing is kept before "
        f"`run_import`; an earlier import that waits is given up. {IMPORT_ACCESS}",
    ),
    "read_import": Operation(
        "get", "moving", "One import",
        responses.Import, examples.IMPORT, scopes.ADMIN, statuses=(404,), description=IMPORT_ACCESS,
    ),
    "run_import": Operation(
        "post", "moving", "Bring in what was looked at",
        responses.Import, examples.IMPORTED, scopes.ADMIN, statuses=(404,),
        body=requests.RunIn, body_example=examples.RUN_IN,
        description=f"For some seconds at most: while `state` is `running`, call it again. {IMPORT_ACCESS}",
    ),
    "undo_import": Operation(
        "post", "moving", "Put in the trash what an import brought",
        responses.Import, examples.UNDONE, scopes.ADMIN, statuses=(404,), description=IMPORT_ACCESS,
    ),
    "discard_import": Operation(
        "delete", "moving", "Give up an import that waits for a yes",
        scope=scopes.ADMIN, status=204, statuses=(404,), description=IMPORT_ACCESS,
    ),
    "export_memories": Operation(
        "get", "moving", "All memories, in a file",
        example=examples.EXPORTED, scope=scopes.ADMIN, query=requests.ExportQuery, files=EXPORT_MEDIA_TYPES,
        description="Sent while it is made. An app needs `memories:read` too; `everything` is for the person's own "
        "session only.",
    ),
    "list_activity": Operation(
        "get", "person", "Who did what to the person's memories, newest first",
        responses.Events, examples.EVENTS, scopes.READ, query=requests.ActivityQuery,
        description="With `client_id`, what one app did and what was done to it. An app is told what it did itself.",
    ),
}  # fmt: skip
