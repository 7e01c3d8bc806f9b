"""The form of what may be sent; what a memory may be made of, memories/validation/limits.py says."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memories import scopes
from memories.api.strict_fields import Flag, Id, Moment, Strict, Text, Whole
from memories.models import CLIENT_ID_CHARACTERS, SOURCE_CHARACTERS, Visibility
from memories.models.visibility import Filters
from memories.portability.exports.formats import FORMS
from memories.portability.readers.chat_exports import Chats
from memories.review import extraction
from memories.search.exact_duplicates import OnDuplicate
from memories.validation import limits
from memories.validation.drafts import CHANGEABLE_FIELDS

MAX_LIMIT = 100
DEFAULT_LIMIT = 25
HITS = 10


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": limits.TEXT_CHARACTERS})
class MemoryText(Text):
    """A memory's text."""


@extend_schema_field({"type": "string", "enum": Visibility.values})
class VisibilityName(Text):
    """private or public."""


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "maxLength": limits.TAG_CHARACTERS},
        "maxItems": limits.TAGS,
    }
)
class TagNames(serializers.ListField):
    child = Text()


class MemoryIn(Strict):
    """A whole memory: what is not given is as if it were new."""

    text = MemoryText()
    visibility = VisibilityName(default=Visibility.PRIVATE.value)
    tags = TagNames(default=list)
    expires_at = Moment(default=None, allow_null=True)


class CreateQuery(Strict):
    """Where a memory says just this already: keep a second one, return that one with 200, or refuse with 409."""

    on_duplicate = serializers.ChoiceField(
        choices=[each.value for each in OnDuplicate], default=OnDuplicate.KEEP.value
    )


class MemoryChanges(Strict):
    """What shall change; the rest stays."""

    text = MemoryText(required=False)
    visibility = VisibilityName(required=False)
    tags = TagNames(required=False)
    expires_at = Moment(required=False, allow_null=True)


class FiltersIn(Strict):
    """Which memories: all that hold."""

    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    tags_any = serializers.ListField(child=Id(), required=False, max_length=limits.TAGS)
    tags_all = serializers.ListField(child=Id(), required=False, max_length=limits.TAGS)
    source: Any = serializers.CharField(required=False, max_length=SOURCE_CHARACTERS)
    since = Moment(required=False)
    until = Moment(required=False)


class PageQuery(Strict):
    cursor: Any = Id(required=False, default=None)
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
    query = extend_schema_field({"type": "string", "maxLength": limits.QUERY_CHARACTERS})(Text)()
    limit = Whole(min_value=1, max_value=MAX_LIMIT, default=HITS)


class OperationIn(Strict):
    """One of many changes. create: the fields of a memory. update: id and what changes. trash: id."""

    op = serializers.ChoiceField(choices=["create", "update", "trash"])
    id = Id(required=False)
    expected_version = Whole(required=False, min_value=1, max_value=2**31 - 1)
    text = MemoryText(required=False)
    visibility = VisibilityName(required=False)
    tags = TagNames(required=False)
    expires_at = Moment(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, object]:
        is_new = attrs["op"] == "create"
        needed = "text" if is_new else "id"
        unwanted = {"create": ("id", "expected_version"), "update": (), "trash": CHANGEABLE_FIELDS}
        errors = {
            name: _refusal(gettext("Not for this operation."), "unknown_field")
            for name in unwanted[attrs["op"]]
            if name in attrs
        }
        if needed not in attrs:
            errors[needed] = _refusal(gettext("This operation needs it."), "required")
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class BulkIn(Strict):
    operations = serializers.ListField(child=OperationIn(), min_length=1, max_length=limits.BULK_OPERATIONS)


class ProfileChanges(Strict):
    display_name = Text(required=False)
    handle = Text(required=False)
    bio = Text(required=False)
    time_zone = Text(required=False)
    persona_enabled = Flag(required=False)
    public_page_enabled = Flag(required=False)


class TurnIn(Strict):
    role = serializers.ChoiceField(choices=["user", "assistant"])
    text = extend_schema_field({"type": "string", "maxLength": limits.TEXT_CHARACTERS})(Text)()


class QuestionIn(Strict):
    """turns: what was said before, oldest first, for a chat model to understand the question by; kept nowhere."""

    question = extend_schema_field({"type": "string", "maxLength": limits.QUERY_CHARACTERS})(Text)()
    turns = serializers.ListField(child=TurnIn(), default=list, max_length=50)


class AppChanges(Strict):
    """What shall change; the rest stays. Scopes: of those that the app was given. null: for no narrowing, no end."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(scopes.DESCRIPTIONS)), required=False, min_length=1
    )
    only_tags = serializers.ListField(
        child=Id(), required=False, allow_null=True, min_length=1, max_length=MAX_LIMIT
    )
    ends_at = Moment(required=False, allow_null=True)
    paused = Flag(required=False)
    asks_first = Flag(required=False)


class ConversationIn(Strict):
    conversation = extend_schema_field(
        {"type": "string", "minLength": 1, "maxLength": extraction.CONVERSATION_CHARACTERS}
    )(Text)()


class TagChanges(Strict):
    name = extend_schema_field({"type": "string", "minLength": 1, "maxLength": limits.TAG_CHARACTERS})(Text)()


class MergeIn(Strict):
    """into: the tag that stays."""

    into = Id()


class UniteIn(Strict):
    """merge: the older keeps its text, and the newer's follows it; otherwise it takes the newer's."""

    merge = Flag(default=False)


class AcceptIn(Strict):
    """What shall be kept otherwise than it was proposed."""

    text = MemoryText(required=False)
    tags = TagNames(required=False)


def filters_of(given: dict[str, Any]) -> Filters:
    """Of what FiltersIn found valid."""
    return Filters(
        visibility=given.get("visibility"),
        tags_any=frozenset(given.get("tags_any", ())),
        tags_all=frozenset(given.get("tags_all", ())),
        source=given.get("source"),
        since=given.get("since"),
        until=given.get("until"),
    )


def _refusal(message: str, code: str) -> list[serializers.ErrorDetail]:
    return [serializers.ErrorDetail(message, code=code)]


EVERYTHING = "everything"


class ImportQuery(Strict):
    """Of conversations in the file: what the person wrote, that and the answers, or nothing."""

    chats = serializers.ChoiceField(choices=[each.value for each in Chats], default=Chats.MINE.value)


class RunIn(Strict):
    """publish: what is public in the file becomes public here."""

    publish = Flag(default=False)


class ExportQuery(Strict):
    """everything: for the person's own session only."""

    format = serializers.ChoiceField(choices=[*FORMS, EVERYTHING], default="jsonl")
