"""The forms of the answers, for the OpenAPI description alone: memories/api/representations.py makes them."""

from typing import Any

from rest_framework import serializers

from memories import scopes
from memories.models import AuditAction, ImportEndReason, ImportState, IndexState, Visibility
from memories.persona.retrieval import AnswerMode
from memories.portability.readers.detect import IMPORT_FORMATS
from memories.portability.readers.items import REASONS
from memories.validation import limits


class ResponseSchema(serializers.Serializer[Any]):
    """Described, never run."""


class Memory(ResponseSchema):
    id = serializers.UUIDField()
    text = serializers.CharField(
        max_length=limits.TEXT_CHARACTERS, allow_null=True, help_text="null: what is stored does not open."
    )
    visibility = serializers.ChoiceField(choices=Visibility.values)
    tags = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(min_value=1, help_text="Counts the changes; the ETag.")
    source: Any = serializers.CharField(help_text="Who wrote the text: a door, or an app through one.")
    state = serializers.ChoiceField(
        choices=IndexState.values, help_text="ready: it is found by meaning too, not only by its words."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TrashedMemory(Memory):
    deleted_at = serializers.DateTimeField(allow_null=True, help_text="null: it expired.")


class MemoryPage(ResponseSchema):
    results = Memory(many=True)
    next = serializers.URLField(allow_null=True)


class TrashPage(ResponseSchema):
    results = TrashedMemory(many=True)
    next = serializers.URLField(allow_null=True)


class Revision(ResponseSchema):
    version = serializers.IntegerField(min_value=1)
    text = serializers.CharField(allow_null=True)
    source: Any = serializers.CharField()
    written_at = serializers.DateTimeField()


class RevisionPage(ResponseSchema):
    results = Revision(many=True)
    next = serializers.URLField(allow_null=True)


class Hit(ResponseSchema):
    memory = Memory()
    score = serializers.FloatField(help_text="Orders this answer; says nothing between answers.")
    cosine = serializers.FloatField(allow_null=True, help_text="null: not embedded yet.")
    strength = serializers.FloatField(
        help_text="Comparable between answers: about 0 for nothing to do with it."
    )
    matched = serializers.ListField(
        child=serializers.CharField(), help_text="Stems of the query's words it has."
    )


class Hits(ResponseSchema):
    results = Hit(many=True)
    degraded = serializers.BooleanField(help_text="Only words were compared: the embedding provider is away.")


class Tag(ResponseSchema):
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=limits.TAG_CHARACTERS)


class Tags(ResponseSchema):
    results = Tag(many=True)


class SimilarMemory(ResponseSchema):
    memory = Memory()
    cosine = serializers.FloatField()
    is_same = serializers.BooleanField(help_text="Both mean the same, and nobody said to keep both.")


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
    client_id = serializers.CharField(allow_null=True, help_text="null: the person's own session.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(scopes.DESCRIPTIONS)))
    only_tags = serializers.ListField(
        child=serializers.UUIDField(), allow_null=True, help_text="null: not narrowed to tags."
    )
    until = serializers.DateTimeField(allow_null=True)


class Profile(Person):
    bio = serializers.CharField()
    time_zone = serializers.CharField()
    persona_enabled = serializers.BooleanField()
    public_page_enabled = serializers.BooleanField(help_text="Anybody may ask at `/@handle`.")
    email = serializers.EmailField(required=False, help_text="To the person's own session only.")


class Citation(ResponseSchema):
    number = serializers.IntegerField(min_value=1, help_text="As in the answer's text: `[1]`.")
    memory_id = serializers.UUIDField()
    text = serializers.CharField(help_text="The memory's own words; of a long one, the beginning.")
    visibility = serializers.ChoiceField(choices=Visibility.values)
    created_at = serializers.DateTimeField()


class Answer(ResponseSchema):
    text = serializers.CharField(help_text="Plain text, never markup.")
    citations = Citation(many=True, help_text="Empty: no memory answers.")
    mode = serializers.ChoiceField(choices=list(AnswerMode))
    degraded = serializers.BooleanField(
        help_text="Only words were compared, or memories are quoted: a provider is away."
    )
    includes_private = serializers.BooleanField(help_text="Never true for anybody but the owner.")


class App(ResponseSchema):
    id = serializers.UUIDField(help_text="Of the connection, not of the app.")
    client_id = serializers.CharField()
    name = serializers.CharField()
    is_self_registered = serializers.BooleanField(help_text="Its name is its own word.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(scopes.DESCRIPTIONS)))
    only_tags = serializers.ListField(
        child=serializers.UUIDField(), allow_null=True, help_text="null: not narrowed to tags."
    )
    ends_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    asks_first = serializers.BooleanField(help_text="What it adds or changes waits for the person's yes.")
    connected_at = serializers.DateTimeField()
    consented_at = serializers.DateTimeField()
    read = serializers.IntegerField(min_value=0, help_text="How many memories it read within 30 days.")
    written = serializers.IntegerField(min_value=0, help_text="How many it wrote within 30 days.")
    last_used_at = serializers.DateTimeField(allow_null=True)


class Apps(ResponseSchema):
    results = App(many=True)


class Event(ResponseSchema):
    id = serializers.UUIDField()
    action = serializers.ChoiceField(choices=AuditAction.values)
    door = serializers.CharField()
    client_id = serializers.CharField(allow_null=True)
    by_owner = serializers.BooleanField(help_text="false: another person, or the server itself.")
    memory_ids = serializers.ListField(child=serializers.UUIDField())
    happened_at = serializers.DateTimeField()


class Events(ResponseSchema):
    results = Event(many=True)
    next = serializers.URLField(allow_null=True)


class ProblemEntry(ResponseSchema):
    pointer = serializers.CharField(
        help_text="Where: `#/text` in the body (RFC 6901), `?limit` in the query, `header:If-Match`."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ItemProblem(ResponseSchema):
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors: Any = ProblemEntry(many=True)


class Problem(ItemProblem):
    instance = serializers.CharField()
    request_id = serializers.CharField(help_text="Stands in the server's log.")
    duplicate_of = serializers.UUIDField(required=False, help_text="With `duplicate`: the one that says it.")


class Waiting(ResponseSchema):
    status = serializers.ChoiceField(choices=["waits_for_yes"])
    proposals = serializers.ListField(
        child=serializers.UUIDField(), help_text="A new memory that is accepted has its proposal's id."
    )
    detail = serializers.CharField()


class Changes(ResponseSchema):
    text = serializers.CharField(required=False)
    visibility = serializers.ChoiceField(choices=Visibility.values, required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class Proposal(ResponseSchema):
    id = serializers.UUIDField()
    memory_id = serializers.UUIDField(allow_null=True, help_text="null: a new memory.")
    changes = Changes(allow_null=True, help_text="null: what is stored does not open.")
    source: Any = serializers.CharField(help_text="Who proposed it.")
    created_at = serializers.DateTimeField()


class ProposalPage(ResponseSchema):
    results = Proposal(many=True)
    next = serializers.URLField(allow_null=True)


class Proposals(ResponseSchema):
    results = Proposal(many=True)


class Outcome(ResponseSchema):
    status = serializers.IntegerField()
    memory = Memory(allow_null=True)
    problem = ItemProblem(allow_null=True)
    waiting = Waiting(required=False, help_text="With 202: it waits for the person's yes.")


class Outcomes(ResponseSchema):
    results = Outcome(many=True)


class SkippedEntries(ResponseSchema):
    reason = serializers.ChoiceField(choices=list(REASONS))
    count = serializers.IntegerField(min_value=1)


class Import(ResponseSchema):
    id = serializers.UUIDField()
    format = serializers.ChoiceField(choices=list(IMPORT_FORMATS), help_text="As it was recognised.")
    state = serializers.ChoiceField(choices=ImportState.values, help_text="staged: it waits for a yes.")
    new = serializers.IntegerField(min_value=0)
    changed = serializers.IntegerField(min_value=0)
    duplicate = serializers.IntegerField(min_value=0)
    public = serializers.IntegerField(min_value=0, help_text="Of the new ones, as the file says.")
    skipped = SkippedEntries(many=True)
    sample = serializers.ListField(
        child=serializers.CharField(), help_text="How some begin, until it is done."
    )
    total = serializers.IntegerField(min_value=0)
    done = serializers.IntegerField(min_value=0)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.ChoiceField(
        choices=ImportEndReason.values,
        allow_null=True,
        help_text="Why it ended before its end: its app may not go on, or there is no room for more.",
    )


class Imports(ResponseSchema):
    results = Import(many=True)
