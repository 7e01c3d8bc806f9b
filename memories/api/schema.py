"""The OpenAPI description: each operation's words, scope, forms, examples, and every status that it can answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)

from memories import scopes
from memories.api import examples, serializers, shapes

PROBLEM = "application/problem+json"
SAID: dict[int, tuple[str, str]] = {
    400: ("invalid", "Some of what was sent cannot be taken."),
    401: ("invalid_token", "The access token has expired."),
    403: ("insufficient_scope", "This needs the scope memories:read."),
    404: ("not_found", "There is no such thing, or it is not yours."),
    409: ("key_in_flight", "The first request with this key is under way."),
    412: ("version_conflict", "It was changed meanwhile; its version is 3 now."),
    413: ("too_large", "A request's body may have 4,000,000 bytes."),
    415: ("unsupported_media_type", "Unsupported media type in request."),
    422: ("key_reused", "This Idempotency-Key was used for another request, or other rights."),
    429: ("rate_limited", "Too many requests. Try again in 1 s."),
    503: ("unavailable", "The database does not answer just now."),
}
BY_SESSION = "By the person's own session only; an app is answered 403, `session_required`."
OF_A_TAG = (
    "An app needs `memories:write` too. To one that is narrowed to tags it is closed, and to one that asks first "
    "(403, `session_required`)."
)
OF_TWO = "An app needs `memories:read` too; to one that asks first it is closed (403, `session_required`)."
MOVING = "An app needs `memories:read` and `memories:write` too, and is told of its own imports alone."
EXPORTS = ("application/x-ndjson", "application/json", "application/zip", "text/csv", "text/plain")
ALWAYS = (401, 403, 429, 503)
OF_A_BODY = (400, 413, 415)
OF_A_KEY = (400, 409, 422)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description='The ETag that was seen, as in `"3"`. Another one: 412.',
)
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]([ -~]*[!-~])?$"},
    OpenApiParameter.HEADER,
    description="The same key with the same request is answered the same for 24 hours, and acts once.",
)
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    str,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="`true`: this was answered before.",
)


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    tag: str
    summary: str
    answer: Any = None
    example: Any = None
    scope: str | None = None
    description: str = ""
    status: int = 200
    body: Any = None
    body_example: Any = None
    query: Any = None
    statuses: tuple[int, ...] = ()
    headers: tuple[OpenApiParameter, ...] = ()
    answer_headers: tuple[str, ...] = field(default=())
    media_type: str = "application/json"  # of the body
    files: tuple[str, ...] = ()  # media types of an answer that is a file
    may_wait: bool = False
    or_answers: int | None = None  # the other status of the same answer


def operations(*names: str) -> Callable[[type], type]:
    """Describes the methods of a view."""
    described = {OPERATIONS[name].method: _described(name, OPERATIONS[name]) for name in names}
    return extend_schema_view(**described)


def _described(name: str, operation: Operation) -> Any:
    statuses = {*ALWAYS, *operation.statuses}
    if operation.body:
        statuses |= {*OF_A_BODY}
    if KEY in operation.headers:
        statuses |= {*OF_A_KEY}
    if operation.query or IF_MATCH in operation.headers:
        statuses |= {400}
    responses = {(status, PROBLEM): _problem(status) for status in sorted(statuses)}
    scope = [operation.scope] if operation.scope else []
    needs = f"Needs `{operation.scope}`." if operation.scope else ""
    return extend_schema(
        operation_id=name,
        tags=[operation.tag],
        summary=operation.summary,
        description=" ".join(filter(None, (operation.description, needs))),
        auth=[{"oauth": scope}, {"session": []}],  # type: ignore[list-item]
        parameters=_parameters(operation),
        request={operation.media_type: operation.body} if operation.body else None,
        responses={**_answers(operation), **_waiting(operation), **responses},
        examples=_body_examples(operation),
    )


def _parameters(operation: Operation) -> list[Any]:
    shown = [
        OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[operation.status])
        for name in operation.answer_headers
    ]
    replayed = [REPLAYED] if KEY in operation.headers else []
    return [*([operation.query] if operation.query else []), *operation.headers, *shown, *replayed]


def _answers(operation: Operation) -> dict[Any, Any]:
    if not operation.files:
        statuses = filter(None, (operation.status, operation.or_answers))
        return {status: _answer(operation) for status in statuses}
    return {(operation.status, media_type): _file(operation, media_type) for media_type in operation.files}


def _file(operation: Operation, media_type: str) -> OpenApiResponse:
    is_json = media_type == "application/json"
    example = OpenApiExample(
        media_type,
        value={"memories": []} if is_json else operation.example,
        response_only=True,
        media_type=media_type,
    )
    form: Any = {"type": "object"} if is_json else OpenApiTypes.BINARY
    return OpenApiResponse(form, description=operation.summary, examples=[example])


def _answer(operation: Operation) -> Any:
    if operation.answer is None:
        return OpenApiResponse(description="Done.")
    example = OpenApiExample("Answer", value=operation.example, response_only=True)
    return OpenApiResponse(operation.answer, description=operation.summary, examples=[example])


def _waiting(operation: Operation) -> dict[int, Any]:
    if not operation.may_wait:
        return {}
    example = OpenApiExample("Waiting", value=examples.WAITING, response_only=True)
    said = (
        "Nothing is saved yet: it waits for the person's yes. They set so for this app, or it may not publish and this "
        "would change the text of a public memory, or keep it public for longer."
    )
    return {202: OpenApiResponse(shapes.Waiting, description=said, examples=[example])}


def _problem(status: int) -> OpenApiResponse:
    code, detail = SAID[status]
    title = HTTPStatus(status).phrase
    example = OpenApiExample(title, value=examples.problem(status, title, code, detail), response_only=True)
    return OpenApiResponse(shapes.Problem, description=title, examples=[example])


def _body_examples(operation: Operation) -> list[OpenApiExample]:
    if operation.body_example is None:
        return []
    example = OpenApiExample(
        "Request", value=operation.body_example, request_only=True, media_type=operation.media_type
    )
    return [example]


OPERATIONS = {
    "list_memories": Operation(
        "get", "memories", "Memories, newest first",
        shapes.MemoryPage, examples.MEMORIES, scopes.READ, query=serializers.ListQuery,
        description="`next` stays right while memories are added. Tags are named by ids: addresses get into logs.",
    ),
    "create_memory": Operation(
        "post", "memories", "Keep a memory",
        shapes.Memory, examples.MEMORY, scopes.WRITE, status=201,
        body=serializers.MemoryIn, body_example=examples.MEMORY_IN,
        headers=(KEY,), answer_headers=("ETag", "Location"), query=serializers.CreateQuery, statuses=(409,),
        description="Found by its words at once, by meaning when `state` is ready. To make it public an app needs "
        "`memories:publish`. `on_duplicate` says what to do where a memory that the caller may read says just this: "
        "keep a second one (the default, and the quickest), `return` that one with 200, or `refuse` with 409 "
        "`duplicate`, whose `duplicate_of` is its id.",
        may_wait=True, or_answers=200,
    ),
    "search_memories": Operation(
        "post", "search", "Search by word and by meaning",
        shapes.Hits, examples.HITS, scopes.READ,
        body=serializers.SearchIn, body_example=examples.SEARCH_IN,
        description="The query stands in the body, because addresses get into logs.",
    ),
    "change_many": Operation(
        "post", "memories", "Create, update and trash many",
        shapes.Outcomes, examples.OUTCOMES, scopes.WRITE,
        body=serializers.BulkIn, body_example=examples.BULK_IN, headers=(KEY,),
        description="Up to 100 operations. Each is done wholly or not at all and has its own status; none stops the "
        "others. An app needs `memories:admin` too for anything but creating.",
    ),
    "read_memory": Operation(
        "get", "memories", "One memory",
        shapes.Memory, examples.MEMORY, scopes.READ, statuses=(404,), answer_headers=("ETag",),
    ),
    "replace_memory": Operation(
        "put", "memories", "Replace a memory",
        shapes.Memory, examples.CHANGED, scopes.WRITE, statuses=(404, 412),
        body=serializers.MemoryIn, body_example=examples.MEMORY_IN,
        headers=(IF_MATCH,), answer_headers=("ETag",),
        description="What is not given becomes as if it were new. The text that was goes to the history.",
        may_wait=True,
    ),
    "change_memory": Operation(
        "patch", "memories", "Change a memory",
        shapes.Memory, examples.CHANGED, scopes.WRITE, statuses=(404, 412),
        body=serializers.MemoryChanges, body_example=examples.MEMORY_CHANGES,
        headers=(IF_MATCH,), answer_headers=("ETag",),
        description="What is not given stays. The text that was goes to the history.",
        may_wait=True,
    ),
    "trash_memory": Operation(
        "delete", "memories", "Put a memory in the trash",
        scope=scopes.WRITE, status=204, statuses=(404, 412), headers=(IF_MATCH,),
        description="Its owner can restore it until it is purged.",
    ),
    "extract_memories": Operation(
        "post", "review", "Look for memories in a conversation",
        shapes.Proposals, examples.FOUND, scopes.WRITE, statuses=(404,),
        body=serializers.ConversationIn, body_example=examples.CONVERSATION_IN,
        description="The server's chat model says what is worth remembering. Nothing is saved: each thing waits for "
        "the person's yes, whoever asks, and the same found again waits once. 404 `no_chat_model` where the server has "
        "none; 403 `model_not_allowed` where it is on another host and the person has not said yes to that; 503 "
        "`model_unavailable` or `model_not_understood` where it fails, and nothing is kept then.",
    ),
    "list_proposals": Operation(
        "get", "review", "What waits for the person's yes, newest first",
        shapes.ProposalPage, examples.PROPOSALS, query=serializers.PageQuery, description=BY_SESSION,
    ),
    "accept_proposal": Operation(
        "post", "review", "Keep what was proposed",
        shapes.Memory, examples.MEMORY, status=201, statuses=(404, 412), answer_headers=("ETag", "Location"),
        body=serializers.AcceptIn, body_example=examples.ACCEPT_IN, headers=(IF_MATCH, KEY),
        description="As it was proposed, or with this text and these tags. The memory is its app's. With `If-Match`, "
        f"only while the memory that would change is of the version that was seen. {BY_SESSION}",
    ),
    "decline_proposal": Operation(
        "delete", "review", "Throw away what was proposed", status=204, statuses=(404,), description=BY_SESSION,
    ),
    "list_similar": Operation(
        "get", "memories", "Memories near in meaning, nearest first",
        shapes.SimilarMemories, examples.SIMILAR, scopes.READ, statuses=(404,),
        description="Empty until the memory is embedded. `is_same`: both mean the same, and nobody said to keep both.",
    ),
    "unite_memories": Operation(
        "post", "memories", "Make one memory of two",
        shapes.Memory, examples.UNITED, scopes.WRITE, statuses=(404, 412), headers=(KEY,), answer_headers=("ETag",),
        body=serializers.UniteIn, body_example=examples.UNITE_IN,
        description="The older takes the newer's text as a new version, or with `merge` has it after its own; the "
        "newer goes to the trash. The tags of both stay. It is public only if both were, and ends when the newer was "
        f"to end. To unite two public ones an app needs `memories:publish`. {OF_TWO}",
    ),
    "keep_both_memories": Operation(
        "post", "memories", "Keep both of two that mean the same",
        scope=scopes.WRITE, status=204, statuses=(404,),
        description=f"`is_same` is false between them from now on. {OF_TWO}",
    ),
    "list_history": Operation(
        "get", "history", "A memory's earlier texts, newest first",
        shapes.RevisionPage, examples.REVISIONS, scopes.READ, query=serializers.HistoryQuery, statuses=(404,),
    ),
    "restore_version": Operation(
        "post", "history", "Make an earlier text the current one",
        shapes.Memory, examples.CHANGED, scopes.WRITE, statuses=(404,), headers=(KEY,), answer_headers=("ETag",),
        may_wait=True,
    ),
    "list_trash": Operation(
        "get", "trash", "What is in the trash or expired",
        shapes.TrashPage, examples.TRASH, scopes.READ, query=serializers.TrashQuery,
        description="With `expired`, only what expired, or only what was put there.",
    ),
    "empty_trash": Operation(
        "delete", "trash", "Delete everything in the trash for ever",
        shapes.Deleted, examples.DELETED, scopes.ADMIN,
    ),
    "delete_memory": Operation(
        "delete", "trash", "Delete a memory for ever",
        scope=scopes.ADMIN, status=204, statuses=(404,), description="It must be in the trash.",
    ),
    "restore_memory": Operation(
        "post", "trash", "Take a memory out of the trash",
        shapes.Memory, examples.CHANGED, scopes.WRITE, statuses=(404,), headers=(KEY,), answer_headers=("ETag",),
        description="An expiry that has passed is taken off it.",
    ),
    "ask_persona": Operation(
        "post", "person", "Ask a persona",
        shapes.Answer, examples.ANSWER,
        body=serializers.QuestionIn, body_example=examples.QUESTION_IN, statuses=(404,),
        description="Of oneself (`me`, or one's own handle) it needs `memories:read`, and answers from all that the "
        "app may see; of others who switched their persona on `persona:query`, and answers from what they made public. "
        "The answer is the memories themselves, each cited; where the server has a chat model, and the person lets it "
        "read private ones, it is in the model's words (`mode`). With `Accept: text/event-stream` it comes as events: "
        "`sources`, then `text` as often as words come, and at last `answer`, the whole of it, which stands for all "
        "that came before. Nothing of it is kept.",
    ),
    "list_tags": Operation(
        "get", "memories", "The tags in use",
        shapes.Tags, examples.TAGS, scopes.READ, description="An app narrowed to tags sees those.",
    ),
    "rename_tag": Operation(
        "patch", "memories", "Rename a tag",
        shapes.Tag, examples.TAG, scopes.ADMIN, statuses=(404,),
        body=serializers.TagChanges, body_example=examples.TAG_CHANGES,
        description="On all memories that have it. Another tag's name is refused (`taken`): merge them. "
        f"{OF_A_TAG}",
    ),
    "merge_tags": Operation(
        "post", "memories", "Make one tag of two",
        shapes.Tag, examples.TAG, scopes.ADMIN, statuses=(404,),
        body=serializers.MergeIn, body_example=examples.MERGE_IN, headers=(KEY,),
        description=f"Every memory with this tag has the other instead, which is the answer. {OF_A_TAG}",
    ),
    "remove_tag": Operation(
        "delete", "memories", "Take a tag off every memory",
        scope=scopes.ADMIN, status=204, statuses=(404,), description=f"The memories stay. {OF_A_TAG}",
    ),
    "whoami": Operation(
        "get", "person", "Who is asking, and what they may do", shapes.Whoami, examples.WHOAMI,
    ),
    "read_profile": Operation(
        "get", "person", "What the person says of themselves", shapes.Profile, examples.PROFILE, scopes.READ,
    ),
    "change_profile": Operation(
        "patch", "person", "Change the profile",
        shapes.Profile, examples.PROFILE, body=serializers.ProfileChanges, body_example=examples.PROFILE_CHANGES,
        description=BY_SESSION,
    ),
    "list_apps": Operation(
        "get", "apps", "The connected apps, newest first",
        shapes.Apps, examples.APPS, description=BY_SESSION,
    ),
    "read_app": Operation(
        "get", "apps", "One connected app", shapes.App, examples.APP, statuses=(404,), description=BY_SESSION,
    ),
    "change_app": Operation(
        "patch", "apps", "Narrow, pause or let go on, or set an end",
        shapes.App, examples.APP, body=serializers.AppChanges, body_example=examples.APP_CHANGES, statuses=(404,),
        description="What is not given stays. It counts from the app's next request; more scopes than it was given "
        f"it must ask for itself. {BY_SESSION}",
    ),
    "disconnect_app": Operation(
        "delete", "apps", "Disconnect an app", status=204, statuses=(404,),
        description=f"From that moment no token of it is worth anything. {BY_SESSION}",
    ),
    "forget_written_by_app": Operation(
        "post", "apps", "Put in the trash what an app wrote",
        shapes.Trashed, examples.TRASHED, statuses=(404,),
        description=f"Every memory whose present text is the app's. {BY_SESSION}",
    ),
    "list_imports": Operation(
        "get", "moving", "Imports, newest first",
        shapes.Imports, examples.IMPORTS, scopes.ADMIN, description=MOVING,
    ),
    "look_at_import": Operation(
        "post", "moving", "Look at what a file would bring",
        shapes.Import, examples.IMPORT, scopes.ADMIN, status=201, statuses=(409,), query=serializers.ImportQuery,
        body=OpenApiTypes.BINARY, body_example=examples.IMPORT_IN, media_type="application/octet-stream",
        answer_headers=("Location",),
        description="The body is the file: its format is found out from its content. Nothing is kept before "
        f"`run_import`; an earlier import that waits is given up. {MOVING}",
    ),
    "read_import": Operation(
        "get", "moving", "One import",
        shapes.Import, examples.IMPORT, scopes.ADMIN, statuses=(404,), description=MOVING,
    ),
    "run_import": Operation(
        "post", "moving", "Bring in what was looked at",
        shapes.Import, examples.IMPORTED, scopes.ADMIN, statuses=(404,),
        body=serializers.RunIn, body_example=examples.RUN_IN,
        description=f"For some seconds at most: while `state` is `running`, call it again. {MOVING}",
    ),
    "undo_import": Operation(
        "post", "moving", "Put in the trash what an import brought",
        shapes.Import, examples.UNDONE, scopes.ADMIN, statuses=(404,), description=MOVING,
    ),
    "discard_import": Operation(
        "delete", "moving", "Give up an import that waits for a yes",
        scope=scopes.ADMIN, status=204, statuses=(404,), description=MOVING,
    ),
    "export_memories": Operation(
        "get", "moving", "All memories, in a file",
        example=examples.EXPORTED, scope=scopes.ADMIN, query=serializers.ExportQuery, files=EXPORTS,
        description="Sent while it is made. An app needs `memories:read` too; `everything` is for the person's own "
        "session only.",
    ),
    "list_activity": Operation(
        "get", "person", "Who did what to the person's memories, newest first",
        shapes.Events, examples.EVENTS, scopes.READ, query=serializers.ActivityQuery,
        description="With `client_id`, what one app did and what was done to it. An app is told what it did itself.",
    ),
}  # fmt: skip
