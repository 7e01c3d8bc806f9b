"""Response schemas, used only for the OpenAPI description: memories/api/representations.py builds the responses.

Class names are component names of the description; tests/memories/api/openapi_names.json pins them.
"""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from accounts.actor import Channel
from memories import scopes
from memories.context import selection
from memories.models import AuditAction, ImportEndReason, ImportState, IndexState, Visibility
from memories.persona.answers import AnswerMode
from memories.portability.readers.catalog import FILE_KINDS, IMPORT_FORMATS, MIXED
from memories.portability.readers.reasons import NOTES, REASONS
from memories.search.change_detection import ChangeKind
from memories.validation import limits

NEXT_CURSOR = "The `cursor` of the next page, with the same filters; `null` on the last one."
SUPERSEDED_BY = "ID of the newer memory that replaces this one: this one was true before."
SUPERSEDED_AT = "When the newer memory was created."


# Describes a response and never serializes one. No docstring: subclasses would inherit it as their description.
class ResponseSchema(serializers.Serializer[Any]):
    pass


def list_known_values(values: Iterable[str]) -> str:
    return f"Known values, to which others may be added: {', '.join(f'`{value}`' for value in values)}."


class OpenChoice(serializers.CharField):
    """A string with known values. Not an enum: generated clients would reject a value that is added later."""

    def __init__(self, values: Iterable[str], *, note: str = "", **options: Any) -> None:
        super().__init__(help_text=" ".join(filter(None, (note, list_known_values(values)))), **options)


class NextUrl(serializers.URLField):
    """The URL of the next page."""

    def __init__(self) -> None:
        super().__init__(allow_null=True, help_text="URL of the next page; `null` on the last one.")


class NextCursor(serializers.UUIDField):
    """The cursor of the next page, for clients that send parameters instead of opening URLs."""

    def __init__(self) -> None:
        super().__init__(allow_null=True, help_text=NEXT_CURSOR)


class Memory(ResponseSchema):
    id = serializers.UUIDField()
    text = serializers.CharField(
        max_length=limits.TEXT_CHARACTERS,
        allow_null=True,
        help_text="`null` if the stored text cannot be decrypted.",
    )
    visibility = serializers.ChoiceField(choices=Visibility.values)
    tags = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True, help_text="`null`: never.")
    supersedes = serializers.UUIDField(
        allow_null=True, help_text="ID of the older memory that this one replaces."
    )
    superseded_by = serializers.UUIDField(allow_null=True, help_text=SUPERSEDED_BY)
    superseded_at = serializers.DateTimeField(allow_null=True, help_text=SUPERSEDED_AT)
    pinned = serializers.BooleanField(help_text="First in the context that apps get.")
    version = serializers.IntegerField(min_value=1, help_text="Increases with each change; also the ETag.")
    source: Any = serializers.CharField(
        help_text="Who wrote the text: a channel (`web`), or an app (`api:notes`); to an app, `app` is any other."
    )
    state = OpenChoice(
        IndexState.values, note="`ready`: semantic search finds it too, not only keyword search."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TrashedMemory(Memory):
    deleted_at = serializers.DateTimeField(allow_null=True, help_text="`null` if the memory expired.")


class MemoryPage(ResponseSchema):
    results = Memory(many=True)
    next = NextUrl()
    next_cursor = NextCursor()


class TrashPage(ResponseSchema):
    results = TrashedMemory(many=True)
    next = NextUrl()
    next_cursor = NextCursor()


class Revision(ResponseSchema):
    version = serializers.IntegerField(min_value=1)
    text = serializers.CharField(allow_null=True)
    source: Any = serializers.CharField()
    written_at = serializers.DateTimeField()


class RevisionPage(ResponseSchema):
    results = Revision(many=True)
    next = NextUrl()
    next_cursor = serializers.IntegerField(allow_null=True, help_text=NEXT_CURSOR)


class Hit(ResponseSchema):
    memory = Memory()
    score = serializers.FloatField(
        help_text="Ranks the results of this response; not comparable across responses."
    )
    cosine = serializers.FloatField(allow_null=True, help_text="`null` if the memory is not embedded yet.")
    strength = serializers.FloatField(
        help_text="Comparable across responses; about 0 if unrelated to the query."
    )
    relevance = serializers.CharField(
        help_text="`strong` (likely answers the query), `fair` or `weak`. Unrelated memories are not listed."
    )
    matched = serializers.ListField(
        child=serializers.CharField(),
        help_text="The query's words as the memory or its tags write them; at most five.",
    )


class Hits(ResponseSchema):
    results = Hit(many=True)
    degraded = serializers.BooleanField(
        help_text="Keyword matches only: the embedding provider is unavailable."
    )
    corrected = serializers.CharField(
        allow_null=True, help_text="The query as searched, if a typing error was corrected; otherwise `null`."
    )


class Tag(ResponseSchema):
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=limits.TAG_CHARACTERS)


class Tags(ResponseSchema):
    results = Tag(many=True)
    next = NextUrl()
    next_cursor = serializers.IntegerField(allow_null=True, help_text=NEXT_CURSOR)


class Difference(ResponseSchema):
    kind = OpenChoice(ChangeKind)
    older = serializers.ListField(child=serializers.CharField(), help_text="Words that only the older has.")
    newer = serializers.ListField(child=serializers.CharField(), help_text="Words that only the newer has.")


class UpdateSuggestion(ResponseSchema):
    newer_id = serializers.UUIDField()
    older_id = serializers.UUIDField()
    differences = Difference(many=True, help_text="The most telling first.")


class SimilarMemory(ResponseSchema):
    memory = Memory()
    cosine = serializers.FloatField()
    is_same = serializers.BooleanField(help_text="A likely duplicate, unless both were kept.")
    update: Any = UpdateSuggestion(
        allow_null=True, help_text="The newer of the two may replace the older one; `null` if not."
    )


class SimilarMemories(ResponseSchema):
    results = SimilarMemory(many=True)


class Deleted(ResponseSchema):
    deleted = serializers.IntegerField(min_value=0)


class Trashed(ResponseSchema):
    trashed = serializers.IntegerField(min_value=0)


class Person(ResponseSchema):
    id = serializers.UUIDField()
    handle = serializers.CharField()
    display_name = serializers.CharField()


class Whoami(ResponseSchema):
    person = Person()
    client_id = serializers.CharField(allow_null=True, help_text="`null` for the user's own session.")
    scopes = serializers.ListField(
        child=serializers.CharField(), help_text=list_known_values(scopes.DESCRIPTIONS)
    )
    only_tags = serializers.ListField(
        child=serializers.UUIDField(), allow_null=True, help_text="`null` if not limited to tags."
    )
    until = serializers.DateTimeField(
        allow_null=True, help_text="When the access ends; `null` if it does not."
    )


class Profile(Person):
    bio = serializers.CharField()
    time_zone = serializers.CharField()
    language = serializers.CharField(
        help_text="The language of the memories, such as `en`, or `several`; search depends on it."
    )
    persona_enabled = serializers.BooleanField()
    public_page_enabled = serializers.BooleanField(help_text="Anyone can ask at `/@handle`.")
    email = serializers.EmailField(required=False, help_text="Only in the user's own session.")


class Citation(ResponseSchema):
    number = serializers.IntegerField(min_value=1, help_text="As in the text of the answer: `[1]`.")
    memory_id = serializers.UUIDField()
    text = serializers.CharField(help_text="Quoted from the memory; of a long text, the part that matches.")
    visibility = serializers.ChoiceField(choices=Visibility.values)
    created_at = serializers.DateTimeField()
    superseded_by = serializers.UUIDField(allow_null=True, help_text=SUPERSEDED_BY)
    superseded_at = serializers.DateTimeField(allow_null=True, help_text=SUPERSEDED_AT)


class Answer(ResponseSchema):
    text = serializers.CharField(help_text="Plain text, without markup.")
    citations = Citation(many=True, help_text="Empty if no memory is likely to answer the question.")
    mode = OpenChoice(AnswerMode)
    degraded = serializers.BooleanField(
        help_text="Keyword matches only, or quotes only: a provider is unavailable."
    )
    includes_private = serializers.BooleanField(help_text="Always `false` except for the owner.")
    closest = Citation(
        many=True, help_text="Memories near the question that the answer does not cite, nearest first."
    )


class App(ResponseSchema):
    id = serializers.UUIDField(help_text="ID of the connection, not of the app.")
    client_id = serializers.CharField()
    name = serializers.CharField(help_text="What it was called when the user allowed it.")
    new_name = serializers.CharField(
        allow_null=True, help_text="What it calls itself since; `null` if that is the same."
    )
    host = serializers.CharField(
        help_text="Where the app sends the user back to, or the host that describes it; empty for a personal access "
        "token."
    )
    is_self_registered = serializers.BooleanField(help_text="The app chose its name itself.")
    is_personal_token = serializers.BooleanField(
        help_text="A personal access token, which the user created and named."
    )
    scopes = serializers.ListField(
        child=serializers.CharField(), help_text=list_known_values(scopes.DESCRIPTIONS)
    )
    only_tags = serializers.ListField(
        child=serializers.UUIDField(), allow_null=True, help_text="`null` if not limited to tags."
    )
    ends_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    asks_first = serializers.BooleanField(help_text="Its new and changed memories need the user's approval.")
    connected_at = serializers.DateTimeField()
    consented_at = serializers.DateTimeField()
    read = serializers.IntegerField(min_value=0, help_text="Number of memories read in the last 30 days.")
    written = serializers.IntegerField(
        min_value=0, help_text="Number of memories written in the last 30 days."
    )
    last_used_at = serializers.DateTimeField(allow_null=True)


class Apps(ResponseSchema):
    results = App(many=True)


class Event(ResponseSchema):
    id = serializers.UUIDField()
    action = OpenChoice(AuditAction.values)
    door = OpenChoice(Channel, note="The channel.")
    client_id = serializers.CharField(allow_null=True)
    by_owner = serializers.BooleanField(help_text="`false` if by another user or the server.")
    memory_ids = serializers.ListField(child=serializers.UUIDField(), help_text="At most 10,000.")
    memory_count = serializers.IntegerField(min_value=0, help_text="Of all memories of the event.")
    happened_at = serializers.DateTimeField()


class Events(ResponseSchema):
    results = Event(many=True)
    next = NextUrl()
    next_cursor = NextCursor()


PROBLEM_CODES = (
    "invalid", "malformed", "null_character", "too_deep", "not_authenticated", "invalid_token", "insufficient_scope",
    "session_required", "csrf_failed", "model_not_allowed", "forbidden", "not_found",
    "method_not_allowed", "too_large", "unsupported_media_type", "key_in_flight", "import_under_way", "duplicate",
    "key_reused", "version_conflict", "rate_limited", "server_error", "unreadable", "unavailable",
    "model_unavailable", "model_not_understood",
)  # fmt: skip


class ProblemEntry(ResponseSchema):
    pointer = serializers.CharField(
        help_text="Location: `#/text` in the body (RFC 6901), `?limit` in the query, or `header:If-Match`."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ItemProblem(ResponseSchema):
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="For people.")
    code = OpenChoice(PROBLEM_CODES, note="For programs.")
    errors: Any = ProblemEntry(many=True)


class Problem(ItemProblem):
    instance = serializers.CharField()
    request_id = serializers.CharField(help_text="Appears in the server log.")
    duplicate_of = serializers.UUIDField(
        required=False, help_text="With `duplicate`: ID of the memory with the same text."
    )


class Waiting(ResponseSchema):
    status = OpenChoice(["waits_for_yes"])
    proposals = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="IDs of the proposals. An approved new memory has its proposal's ID.",
    )
    detail = serializers.CharField()


class Changes(ResponseSchema):
    text = serializers.CharField(required=False)
    visibility = serializers.ChoiceField(choices=Visibility.values, required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    supersedes = serializers.UUIDField(required=False, allow_null=True)
    pinned = serializers.BooleanField(required=False)


class Proposal(ResponseSchema):
    id = serializers.UUIDField()
    memory_id = serializers.UUIDField(allow_null=True, help_text="`null` for a new memory.")
    changes = Changes(allow_null=True, help_text="`null` if the stored changes cannot be decrypted.")
    source: Any = serializers.CharField(help_text="The app that proposed it.")
    created_at = serializers.DateTimeField()


class ProposalPage(ResponseSchema):
    results = Proposal(many=True)
    next = NextUrl()
    next_cursor = NextCursor()


class Proposals(ResponseSchema):
    results = Proposal(many=True)
    left_out = serializers.IntegerField(
        min_value=0, help_text="How many more were found that could not be read, or are too many."
    )
    is_complete = serializers.BooleanField(
        help_text="Whether nothing was left out and the model's answer was not cut off."
    )


class Context(ResponseSchema):
    text = serializers.CharField(help_text="Empty if there is no memory.", allow_blank=True)
    token_count = serializers.IntegerField(
        min_value=0, help_text="An upper bound of the tokens that the text has."
    )
    max_tokens = serializers.IntegerField(min_value=selection.MIN_TOKENS, max_value=selection.MAX_TOKENS)
    memories = serializers.ListField(
        child=serializers.UUIDField(), help_text="IDs of the memories in the text, in their order."
    )
    omitted = serializers.IntegerField(
        min_value=0, help_text="How many more memories hold now, without duplicates of those in the text."
    )


class Outcome(ResponseSchema):
    status = serializers.IntegerField()
    memory = Memory(allow_null=True)
    problem = ItemProblem(allow_null=True)
    waiting = Waiting(required=False, help_text="With 202: the change needs the user's approval.")


class Outcomes(ResponseSchema):
    results = Outcome(many=True)


class SkippedEntries(ResponseSchema):
    reason = OpenChoice(REASONS)
    count = serializers.IntegerField(min_value=1)


class ImportNotes(ResponseSchema):
    note = OpenChoice(NOTES)
    count = serializers.IntegerField(min_value=1)


class ImportedFile(ResponseSchema):
    name = serializers.CharField(
        help_text="Path as sent or in its zip. Empty for text without a name, and for files that are counted together."
    )
    kind = OpenChoice(FILE_KINDS, note="What the file was taken for.")
    label: Any = serializers.CharField(help_text="The same for people.")
    file_count = serializers.IntegerField(
        min_value=1, help_text="More than 1: further files of this kind, counted together."
    )
    new = serializers.IntegerField(min_value=0)
    changed = serializers.IntegerField(min_value=0)
    duplicate = serializers.IntegerField(min_value=0)
    skipped = SkippedEntries(many=True)
    notes = ImportNotes(many=True)


class Import(ResponseSchema):
    id = serializers.UUIDField()
    format = OpenChoice([*IMPORT_FORMATS, MIXED], note="The detected format.")
    state = OpenChoice(ImportState.values, note="`staged`: previewed, not started.")
    new = serializers.IntegerField(min_value=0)
    changed = serializers.IntegerField(min_value=0)
    duplicate = serializers.IntegerField(min_value=0)
    public = serializers.IntegerField(min_value=0, help_text="New memories that are public in the file.")
    skipped = SkippedEntries(many=True)
    notes = ImportNotes(many=True, help_text="What is said of memories that are imported.")
    files = ImportedFile(many=True, required=False, help_text="What comes of each file. Not in lists.")
    sample = serializers.ListField(
        child=serializers.CharField(), help_text="Beginnings of some memories, until the import is done."
    )
    total = serializers.IntegerField(min_value=0)
    done = serializers.IntegerField(min_value=0)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    ended_by = OpenChoice(
        ImportEndReason.values,
        allow_null=True,
        note="Why it stopped early: the app lost access, or the memory limit was reached.",
    )


class Imports(ResponseSchema):
    results = Import(many=True)


class ExportedMemory(ResponseSchema):
    id = serializers.UUIDField()
    content = serializers.CharField()


class MemoryStore(ResponseSchema):
    """A portable-ai-memory store; memories have more fields than those listed."""

    schema = serializers.CharField()
    schema_version = serializers.CharField()
    memories = ExportedMemory(many=True)


class Mem0Memory(ResponseSchema):
    """A memory as mem0 returns it, in a list; it has more fields than those listed."""

    id = serializers.UUIDField()
    memory = serializers.CharField()


JSON_EXPORT = PolymorphicProxySerializer(
    component_name="JsonExport",
    serializers=[MemoryStore, Mem0Memory(many=True)],
    resource_type_field_name=None,
    many=False,
)
