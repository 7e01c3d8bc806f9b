"""The form of what may be sent; what a memory may be made of, memories/validation/limits.py says."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memories import scopes
from memories.api.strict_fields import (
    AwareDateTime,
    StrictBoolean,
    StrictInteger,
    StrictSerializer,
    StrictString,
    StrictUUID,
)
from memories.models import CLIENT_ID_CHARACTERS, SOURCE_CHARACTERS, Visibility
from memories.models.visibility import Filters
from memories.portability.exports.formats import EXPORT_FORMATS
from memories.portability.readers.chat_exports import ChatFilter
from memories.review import extraction
from memories.search.exact_duplicates import OnDuplicate
from memories.validation import limits
from memories.validation.drafts import CHANGEABLE_FIELDS

MAX_LIMIT = 100
DEFAULT_LIMIT = 25
DEFAULT_SEARCH_LIMIT = 10


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": limits.TEXT_CHARACTERS})
class MemoryText(StrictString):
    """A memory's text."""


@extend_schema_field({"type": "string", "enum": Visibility.values})
class VisibilityName(StrictString):
    """private or public."""


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "maxLength": limits.TAG_CHARACTERS},
        "maxItems": limits.TAGS,
    }
)
class TagNames(serializers.ListField):
    child = StrictString()


class MemoryIn(StrictSerializer):
    """A whole memory: what is not given is as if it were new."""

    text = MemoryText()
    visibility = VisibilityName(default=Visibility.PRIVATE.value)
    tags = TagNames(default=list)
    expires_at = AwareDateTime(default=None, allow_null=True)


class CreateQuery(StrictSerializer):
    """Where a memory says just this already: keep a second one, return that one with 200, or refuse with 409."""

    on_duplicate = serializers.ChoiceField(
        choices=[each.value for each in OnDuplicate], default=OnDuplicate.KEEP.value
    )


class MemoryChanges(StrictSerializer):
    """What shall change; the rest stays."""

    text = MemoryText(required=False)
    visibility = VisibilityName(required=False)
    tags = TagNames(required=False)
    expires_at = AwareDateTime(required=False, allow_null=True)


class FiltersIn(StrictSerializer):
    """Which memories: all that hold."""

    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    tags_any = serializers.ListField(child=StrictUUID(), required=False, max_length=limits.TAGS)
    tags_all = serializers.ListField(child=StrictUUID(), required=False, max_length=limits.TAGS)
    source: Any = serializers.CharField(required=False, max_length=SOURCE_CHARACTERS)
    since = AwareDateTime(required=False)
    until = AwareDateTime(required=False)


class PageQuery(StrictSerializer):
    cursor: Any = StrictUUID(required=False, default=None)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


class HistoryQuery(PageQuery):
    """cursor: the version before which the page begins."""

    cursor = serializers.IntegerField(required=False, default=None, min_value=1, max_value=2**31 - 1)


class TrashQuery(PageQuery):
    """expired: true for what expired, false for what was put there."""

    expired = serializers.BooleanField(required=False, default=None, allow_null=True)


class ActivityQuery(PageQuery):
    """client_id: of one app."""

    client_id = serializers.CharField(required=False, max_length=CLIENT_ID_CHARACTERS)


class ListQuery(FiltersIn, PageQuery):
    """The query string of the list of memories."""


class SearchIn(FiltersIn):
    query = extend_schema_field({"type": "string", "maxLength": limits.QUERY_CHARACTERS})(StrictString)()
    limit = StrictInteger(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_SEARCH_LIMIT)


class OperationIn(StrictSerializer):
    """One of many changes. create: the fields of a memory. update: id and what changes. trash: id."""

    op = serializers.ChoiceField(choices=["create", "update", "trash"])
    id = StrictUUID(required=False)
    expected_version = StrictInteger(required=False, min_value=1, max_value=2**31 - 1)
    text = MemoryText(required=False)
    visibility = VisibilityName(required=False)
    tags = TagNames(required=False)
    expires_at = AwareDateTime(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, object]:
        is_new = attrs["op"] == "create"
        needed = "text" if is_new else "id"
        unwanted = {"create": ("id", "expected_version"), "update": (), "trash": CHANGEABLE_FIELDS}
        errors = {
            name: _build_error(gettext("Not for this operation."), "unknown_field")
            for name in unwanted[attrs["op"]]
            if name in attrs
        }
        if needed not in attrs:
            errors[needed] = _build_error(gettext("This operation needs it."), "required")
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class BulkIn(StrictSerializer):
    operations = serializers.ListField(child=OperationIn(), min_length=1, max_length=limits.BULK_OPERATIONS)


class ProfileChanges(StrictSerializer):
    display_name = StrictString(required=False)
    handle = StrictString(required=False)
    bio = StrictString(required=False)
    time_zone = StrictString(required=False)
    persona_enabled = StrictBoolean(required=False)
    public_page_enabled = StrictBoolean(required=False)


class TurnIn(StrictSerializer):
    role = serializers.ChoiceField(choices=["user", "assistant"])
    text = extend_schema_field({"type": "string", "maxLength": limits.TEXT_CHARACTERS})(StrictString)()


class QuestionIn(StrictSerializer):
    """turns: what was said before, oldest first, for a chat model to understand the question by; kept nowhere."""

    question = extend_schema_field({"type": "string", "maxLength": limits.QUERY_CHARACTERS})(StrictString)()
    turns = serializers.ListField(child=TurnIn(), default=list, max_length=50)


class AppChanges(StrictSerializer):
    """What shall change; the rest stays. Scopes: of those that the app was given. null: for no narrowing, no end."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(scopes.DESCRIPTIONS)), required=False, min_length=1
    )
    only_tags = serializers.ListField(
        child=StrictUUID(), required=False, allow_null=True, min_length=1, max_length=MAX_LIMIT
    )
    ends_at = AwareDateTime(required=False, allow_null=True)
    paused = StrictBoolean(required=False)
    asks_first = StrictBoolean(required=False)


class ConversationIn(StrictSerializer):
    conversation = extend_schema_field(
        {"type": "string", "minLength": 1, "maxLength": extraction.CONVERSATION_CHARACTERS}
    )(StrictString)()


class TagChanges(StrictSerializer):
    name = extend_schema_field({"type": "string", "minLength": 1, "maxLength": limits.TAG_CHARACTERS})(
        StrictString
    )()


class MergeIn(StrictSerializer):
    """into: the tag that stays."""

    into = StrictUUID()


class UniteIn(StrictSerializer):
    """merge: the older keeps its text, and the newer's follows it; otherwise it takes the newer's."""

    merge = StrictBoolean(default=False)


class AcceptIn(StrictSerializer):
    """What shall be kept otherwise than it was proposed."""

    text = MemoryText(required=False)
    tags = TagNames(required=False)


def build_filters(given: dict[str, Any]) -> Filters:
    """Of what FiltersIn found valid."""
    return Filters(
        visibility=given.get("visibility"),
        tags_any=frozenset(given.get("tags_any", ())),
        tags_all=frozenset(given.get("tags_all", ())),
        source=given.get("source"),
        since=given.get("since"),
        until=given.get("until"),
    )


def _build_error(message: str, code: str) -> list[serializers.ErrorDetail]:
    return [serializers.ErrorDetail(message, code=code)]


EVERYTHING = "everything"


class ImportQuery(StrictSerializer):
    """Of conversations in the file: what the person wrote, that and the answers, or nothing."""

    chats = serializers.ChoiceField(
        choices=[each.value for each in ChatFilter], default=ChatFilter.MINE.value
    )


class RunIn(StrictSerializer):
    """publish: what is public in the file becomes public here."""

    publish = StrictBoolean(default=False)


class ExportQuery(StrictSerializer):
    """everything: for the person's own session only."""

    format = serializers.ChoiceField(choices=[*EXPORT_FORMATS, EVERYTHING], default="jsonl")
