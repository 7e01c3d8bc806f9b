"""Arguments of the tools. Common wrong names are accepted as aliases; unknown names are rejected."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from accounts.models import User
from memories.models import Visibility
from memories.persona.retrieval import SELF_HANDLE
from memories.validation import limits

MAX_TOKENS = 25_000  # of a result; clients truncate or reject longer ones
MIN_TOKENS = 200
MAX_RESULTS = 100
DEFAULT_RESULTS = 10
NEVER = "never"

_ID_PATTERN = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def _extract_id(value: object) -> object:
    """Return the ID in a URL (memory://..., or the page of a memory)."""
    match = _ID_PATTERN.search(value) if isinstance(value, str) else None
    return match.group() if match else value


def _split_tags(value: object) -> object:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def _normalize_handle(value: object) -> object:
    return (value.strip().removeprefix("@") or SELF_HANDLE) if isinstance(value, str) else value


MemoryId = Annotated[str, BeforeValidator(_extract_id), Field(max_length=200, description="ID of the memory")]
Text = Annotated[str, Field(max_length=limits.TEXT_CHARACTERS * 2)]
Tags = Annotated[
    list[str],
    BeforeValidator(_split_tags),
    WithJsonSchema({"type": "array", "items": {"type": "string", "maxLength": limits.TAG_CHARACTERS}}),
]
Timestamp = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
ResultLimit = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="Maximum number of results")]
TokenBudget = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description="Maximum length of the result in tokens"),
]
SINCE = "Only memories created at or after this time (ISO 8601)"
_LIMIT_ALIASES = AliasChoices("limit", "max_results", "n", "k", "top_k", "count")
_BUDGET_ALIASES = AliasChoices("max_tokens", "token_budget", "budget")


class ToolArguments(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @classmethod
    def schema_json(cls) -> dict[str, Any]:  # type: ignore[override]
        """Return the JSON Schema for clients; it allows other names, because aliases are accepted."""
        schema = cls.model_json_schema(schema_generator=CompactJsonSchema)
        schema.pop("additionalProperties", None)
        return schema


class CompactJsonSchema(GenerateJsonSchema):
    """JSON Schema without titles and without the descriptions of classes."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, object]:
        full = super().model_schema(schema)
        return {name: value for name, value in full.items() if name not in ("title", "description")}


class SearchArguments(ToolArguments):
    query: Annotated[str, Field(description="What to search for, in plain language")] = Field(
        validation_alias=AliasChoices("query", "q", "question", "text", "search", "search_query")
    )
    limit: ResultLimit = Field(default=DEFAULT_RESULTS, validation_alias=_LIMIT_ALIASES)
    tags: Annotated[Tags, Field(description="Only memories with all of these tags")] = Field(
        default_factory=list, validation_alias=AliasChoices("tags", "tag")
    )
    since: Annotated[Timestamp | None, Field(description=SINCE)] = Field(
        default=None, validation_alias=AliasChoices("since", "after", "from", "start")
    )
    until: Annotated[
        Timestamp | None, Field(description="Only memories created before this time (ISO 8601)")
    ] = Field(default=None, validation_alias=AliasChoices("until", "before", "to", "end"))
    visibility: Annotated[Visibility | None, Field(description="Only private or only public memories")] = None
    max_tokens: TokenBudget = Field(default=MAX_TOKENS, validation_alias=_BUDGET_ALIASES)


class FetchArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))
    max_tokens: TokenBudget = Field(default=MAX_TOKENS, validation_alias=_BUDGET_ALIASES)


class AddMemoryArguments(ToolArguments):
    text: Annotated[Text, Field(description="One fact, as a sentence that can be understood on its own")] = (
        Field(validation_alias=AliasChoices("text", "content", "memory", "fact", "note"))
    )
    tags: Annotated[Tags, Field(description="A few keywords to find the memory by")] = Field(
        default_factory=list, validation_alias=AliasChoices("tags", "tag")
    )
    expires_at: Annotated[Timestamp | None, Field(description="When the memory expires (ISO 8601)")] = Field(
        default=None, validation_alias=AliasChoices("expires_at", "expires", "expiry")
    )


class UpdateMemoryArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))
    text: Annotated[Text | None, Field(description="The new text; the old one stays in the history")] = Field(
        default=None, validation_alias=AliasChoices("text", "content", "memory", "new_text")
    )
    tags: Annotated[Tags | None, Field(description="Replaces all tags; [] removes them")] = Field(
        default=None, validation_alias=AliasChoices("tags", "tag")
    )
    expires_at: Annotated[
        datetime | str | None,
        Field(description='When the memory expires (ISO 8601), or "never"'),
        WithJsonSchema({"type": "string"}),
    ] = Field(
        default=None,
        union_mode="left_to_right",
        validation_alias=AliasChoices("expires_at", "expires", "expiry"),
    )


class ForgetMemoryArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))


class ListRecentArguments(ToolArguments):
    limit: ResultLimit = Field(default=DEFAULT_RESULTS, validation_alias=_LIMIT_ALIASES)
    since: Annotated[Timestamp | None, Field(description=SINCE)] = Field(
        default=None, validation_alias=AliasChoices("since", "after", "from", "start")
    )
    max_tokens: TokenBudget = Field(default=MAX_TOKENS, validation_alias=_BUDGET_ALIASES)


class AskPersonaArguments(ToolArguments):
    question: Annotated[str, Field(description="The question, in plain language")] = Field(
        validation_alias=AliasChoices("question", "q", "query", "text")
    )
    handle: Annotated[
        str,
        BeforeValidator(_normalize_handle),
        Field(description="Handle of the persona; the user's own by default"),
    ] = Field(default=SELF_HANDLE, validation_alias=AliasChoices("handle", "persona", "person", "user"))


class WhoamiArguments(ToolArguments):
    pass


def convert_to_utc(value: datetime | None, person: User) -> datetime | None:
    """Return the time in UTC; without an offset it is in the user's time zone. Raises ValueError if out of range."""
    if value is None:
        return None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=person.zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError from None
