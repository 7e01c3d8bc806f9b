"""Schemas of requests; the limits of a memory are checked by memories/validation/limits.py.

Class names are component names of the OpenAPI description, and class docstrings its descriptions.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import User
from memories import scopes
from memories.api.strict_fields import (
    AwareDateTime,
    StrictBoolean,
    StrictInteger,
    StrictSerializer,
    StrictString,
    StrictUUID,
    describe_string,
)
from memories.context import selection
from memories.models import CLIENT_ID_CHARACTERS, SOURCE_CHARACTERS, Visibility
from memories.models.visibility import Filters
from memories.portability.exports.formats import EXPORT_FORMATS
from memories.portability.readers.formats import ChatFilter
from memories.review import extraction
from memories.search.exact_duplicates import OnDuplicate
from memories.services.reads import MAX_LISTED_TAGS
from memories.validation import limits
from memories.validation.drafts import CHANGEABLE_FIELDS

MAX_LIMIT = 100
COLUMN_CHARACTERS = 500
DEFAULT_LIMIT = 25
DEFAULT_SEARCH_LIMIT = 10
SUPERSEDES = "ID of the older memory that this one replaces. `null`: none."
PINNED = "First in the context of all apps. If an app pins it, the user must approve that."


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": limits.TEXT_CHARACTERS})
class MemoryText(StrictString):
    """A memory's text."""


@extend_schema_field({"type": "string", "enum": Visibility.values})
class VisibilityName(StrictString):
    """`private` or `public`."""


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "maxLength": limits.TAG_CHARACTERS},
        "maxItems": limits.TAGS,
    }
)
class TagNames(serializers.ListField):
    child = StrictString()


@extend_schema_field({"type": "string"})
class ScopeName(serializers.ChoiceField):
    """A scope; described as a string, as in responses, because new scopes may be added."""

    def __init__(self) -> None:
        super().__init__(choices=list(scopes.DESCRIPTIONS))


class MemoryIn(StrictSerializer):
    """A complete memory; omitted fields get their defaults."""

    text = MemoryText()
    visibility = VisibilityName(default=Visibility.PRIVATE.value)
    tags = TagNames(default=list)
    expires_at = AwareDateTime(default=None, allow_null=True, help_text="`null`: never.")
    supersedes = StrictUUID(default=None, allow_null=True, help_text=SUPERSEDES)
    pinned = StrictBoolean(default=False, help_text=PINNED)


class CreateQuery(StrictSerializer):
    """What to do if a memory has the same text: create another, return it with 200, or fail with 409."""

    on_duplicate = serializers.ChoiceField(
        choices=[each.value for each in OnDuplicate],
        default=OnDuplicate.KEEP.value,
        help_text="If a memory has the same text: create another, return it, or fail.",
    )


class MemoryChanges(StrictSerializer):
    """The fields to change; omitted fields stay unchanged."""

    text = MemoryText(required=False)
    visibility = VisibilityName(required=False)
    tags = TagNames(required=False)
    expires_at = AwareDateTime(required=False, allow_null=True, help_text="`null`: never.")
    supersedes = StrictUUID(required=False, allow_null=True, help_text=SUPERSEDES)
    pinned = StrictBoolean(required=False, help_text=PINNED)


class FiltersIn(StrictSerializer):
    """Filters for memories; a memory must match all of them."""

    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    tags_any = serializers.ListField(
        child=StrictUUID(),
        required=False,
        max_length=limits.TAGS,
        help_text="IDs of tags, of which a memory has at least one.",
    )
    tags_all = serializers.ListField(
        child=StrictUUID(),
        required=False,
        max_length=limits.TAGS,
        help_text="IDs of tags, all of which a memory has.",
    )
    source: Any = serializers.CharField(
        required=False,
        max_length=SOURCE_CHARACTERS,
        help_text="Who wrote the text: a channel (`web`), this app (`api:notes`), or `app` for any other.",
    )
    since = AwareDateTime(required=False, help_text="Created at this time or later.")
    until = AwareDateTime(required=False, help_text="Created before this time.")


class PageQuery(StrictSerializer):
    cursor: Any = StrictUUID(
        required=False,
        default=None,
        help_text="`next_cursor` of the page before. Omit it for the first page.",
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=MAX_LIMIT,
        default=DEFAULT_LIMIT,
        help_text="Maximum number of results per page.",
    )


class HistoryQuery(PageQuery):
    """`cursor`: list the versions before this one."""

    cursor = serializers.IntegerField(
        required=False,
        default=None,
        min_value=1,
        max_value=2**31 - 1,
        help_text="`next_cursor` of the page before: versions below this one.",
    )


class TagQuery(PageQuery):
    """`cursor`: list the tags after this many."""

    cursor = serializers.IntegerField(
        required=False,
        default=None,
        min_value=1,
        max_value=2**31 - 1,
        help_text="`next_cursor` of the page before. Omit it for the first page.",
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=MAX_LISTED_TAGS,
        default=MAX_LISTED_TAGS,
        help_text="Maximum number of results per page.",
    )


class TrashQuery(PageQuery):
    """`expired`: true for expired memories only, false for trashed ones only."""

    expired = serializers.BooleanField(
        required=False,
        default=None,
        allow_null=True,
        help_text="`true`: only expired memories. `false`: only trashed ones.",
    )


class ActivityQuery(PageQuery):
    """`client_id`: only the activity of this app."""

    client_id = serializers.CharField(
        required=False, max_length=CLIENT_ID_CHARACTERS, help_text="Only the activity of this app."
    )


class ListQuery(FiltersIn, PageQuery):
    """The query parameters of the list of memories."""

    pinned = serializers.BooleanField(
        required=False,
        default=None,
        allow_null=True,
        help_text="`true`: only pinned memories. `false`: only others.",
    )


class ContextQuery(StrictSerializer):
    """How long the context may be, and what it is for."""

    max_tokens = serializers.IntegerField(
        min_value=selection.MIN_TOKENS,
        max_value=selection.MAX_TOKENS,
        default=selection.DEFAULT_TOKENS,
        help_text="The most tokens that the text may have.",
    )
    query: Any = serializers.CharField(
        default="",
        max_length=limits.QUERY_CHARACTERS,
        help_text="What the conversation is about: related memories come right after the pinned ones.",
    )


class SearchIn(FiltersIn):
    query = describe_string(minLength=1, maxLength=limits.QUERY_CHARACTERS)
    limit = StrictInteger(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_SEARCH_LIMIT, help_text="Maximum number of results."
    )


class OperationIn(StrictSerializer):
    """An operation in bulk. `create` takes the fields of a memory, `update` its ID and changes, `trash` its ID."""

    op = serializers.ChoiceField(choices=["create", "update", "trash"])
    id = StrictUUID(required=False)
    expected_version = StrictInteger(required=False, min_value=1, max_value=2**31 - 1)
    text = MemoryText(required=False)
    visibility = VisibilityName(required=False)
    tags = TagNames(required=False)
    expires_at = AwareDateTime(required=False, allow_null=True, help_text="`null`: never.")
    supersedes = StrictUUID(required=False, allow_null=True, help_text=SUPERSEDES)
    pinned = StrictBoolean(required=False, help_text=PINNED)

    def validate(self, attrs: dict[str, Any]) -> dict[str, object]:
        is_new = attrs["op"] == "create"
        required = "text" if is_new else "id"
        forbidden = {"create": ("id", "expected_version"), "update": (), "trash": CHANGEABLE_FIELDS}
        errors = {
            name: _build_error("Not allowed for this operation.", "unknown_field")
            for name in forbidden[attrs["op"]]
            if name in attrs
        }
        if required not in attrs:
            errors[required] = _build_error("Required for this operation.", "required")
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class BulkIn(StrictSerializer):
    operations = serializers.ListField(child=OperationIn(), min_length=1, max_length=limits.BULK_OPERATIONS)


class ProfileChanges(StrictSerializer):
    display_name = describe_string(required=False, maxLength=User._meta.get_field("display_name").max_length)
    handle = describe_string(required=False, maxLength=User._meta.get_field("handle").max_length)
    bio = describe_string(required=False, maxLength=User._meta.get_field("bio").max_length)
    time_zone = describe_string(required=False, maxLength=User._meta.get_field("time_zone").max_length)
    language = describe_string(required=False, maxLength=User._meta.get_field("language").max_length)
    persona_enabled = StrictBoolean(required=False)
    public_page_enabled = StrictBoolean(required=False)


class TurnIn(StrictSerializer):
    role = serializers.ChoiceField(choices=["user", "assistant"])
    text = describe_string(maxLength=limits.TEXT_CHARACTERS)


class QuestionIn(StrictSerializer):
    """`turns`: earlier turns of the conversation, oldest first, to understand follow-up questions; not stored."""

    question = describe_string(minLength=1, maxLength=limits.QUERY_CHARACTERS)
    turns = serializers.ListField(child=TurnIn(), default=list, max_length=50)


class AppChanges(StrictSerializer):
    """The fields to change; omitted fields stay unchanged.

    `scopes` must be among those granted to the app. `null` removes the limit to tags or the end date.
    """

    scopes = serializers.ListField(child=ScopeName(), required=False, min_length=1)
    only_tags = serializers.ListField(
        child=StrictUUID(), required=False, allow_null=True, min_length=1, max_length=MAX_LIMIT
    )
    ends_at = AwareDateTime(required=False, allow_null=True)
    paused = StrictBoolean(required=False)
    asks_first = StrictBoolean(required=False)


class ConversationIn(StrictSerializer):
    """`marked_only`: take only the lines marked `remember:`, even if the server has a chat model."""

    conversation = describe_string(minLength=1, maxLength=extraction.CONVERSATION_CHARACTERS)
    marked_only = StrictBoolean(default=False)


class TagChanges(StrictSerializer):
    name = describe_string(minLength=1, maxLength=limits.TAG_CHARACTERS)


class MergeIn(StrictSerializer):
    """`into`: the tag that remains."""

    into = StrictUUID()


class UniteIn(StrictSerializer):
    """`merge`: append the newer text to the older one instead of replacing it."""

    merge = StrictBoolean(default=False)


class AcceptIn(StrictSerializer):
    """Changes to the proposal before it is saved."""

    text = MemoryText(required=False)
    tags = TagNames(required=False)


def build_filters(values: dict[str, Any]) -> Filters:
    """Return filters from the validated data of FiltersIn."""
    return Filters(
        visibility=values.get("visibility"),
        tags_any=frozenset(values.get("tags_any", ())),
        tags_all=frozenset(values.get("tags_all", ())),
        source=values.get("source"),
        since=values.get("since"),
        until=values.get("until"),
        pinned=values.get("pinned"),
    )


def _build_error(message: str, code: str) -> list[serializers.ErrorDetail]:
    return [serializers.ErrorDetail(message, code=code)]


EVERYTHING = "everything"


class ImportQuery(StrictSerializer):
    """`chats`: what to import from conversations. `text_column`: the column with the texts of an unknown table."""

    chats = serializers.ChoiceField(
        choices=[each.value for each in ChatFilter],
        default=ChatFilter.MINE.value,
        help_text="From conversations, import the user's messages, all messages, or none.",
    )
    text_column: Any = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=COLUMN_CHARACTERS,
        help_text="Name of the column with the texts, for a table whose columns are not known.",
    )


class RunIn(StrictSerializer):
    """`publish`: import memories that are public in the file as public."""

    publish = StrictBoolean(default=False)


class ExportQuery(StrictSerializer):
    """The format `everything` requires the user's own session."""

    format = serializers.ChoiceField(choices=[*EXPORT_FORMATS, EVERYTHING], default="jsonl")
