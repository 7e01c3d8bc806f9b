"""What tools take. Names that models use by mistake are understood; what is not known is refused by name."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from accounts.models import User
from memories.models import Visibility
from memories.persona.retrieval import SELF_HANDLE
from memories.validation import limits

MAX_TOKENS = 25_000  # of an answer; clients cut longer ones or refuse them
MIN_TOKENS = 200
MAX_RESULTS = 100
DEFAULT_RESULTS = 10
NEVER = "never"

_ID_PATTERN = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def _extract_id(given: object) -> object:
    """Of an address (memory://..., the page of a memory) its id."""
    found = _ID_PATTERN.search(given) if isinstance(given, str) else None
    return found.group() if found else given


def _split_tags(given: object) -> object:
    return [name.strip() for name in given.split(",")] if isinstance(given, str) else given


def _normalize_handle(given: object) -> object:
    return (given.strip().removeprefix("@") or SELF_HANDLE) if isinstance(given, str) else given


MemoryId = Annotated[str, BeforeValidator(_extract_id), Field(max_length=200, description="Id of the memory")]
Text = Annotated[str, Field(max_length=limits.TEXT_CHARACTERS * 2)]
Tags = Annotated[
    list[str],
    BeforeValidator(_split_tags),
    WithJsonSchema({"type": "array", "items": {"type": "string", "maxLength": limits.TAG_CHARACTERS}}),
]
Timestamp = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
ResultLimit = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="Results at most")]
TokenBudget = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description="Length of the answer at most, in tokens"),
]
SINCE = "Only what was written since then (ISO 8601)"
_LIMIT_ALIASES = AliasChoices("limit", "max_results", "n", "k", "top_k", "count")
_BUDGET_ALIASES = AliasChoices("max_tokens", "token_budget", "budget")


class ToolArguments(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @classmethod
    def schema_json(cls) -> dict[str, Any]:  # type: ignore[override]
        """The JSON Schema that clients see. It leaves open that other names are understood too."""
        schema = cls.model_json_schema(schema_generator=CompactJsonSchema)
        schema.pop("additionalProperties", None)
        return schema


class CompactJsonSchema(GenerateJsonSchema):
    """Without the titles that repeat the names, and without the class's own."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, object]:
        made = super().model_schema(schema)
        return {name: value for name, value in made.items() if name not in ("title", "description")}


class SearchArguments(ToolArguments):
    query: Annotated[str, Field(description="What to look for, in plain words")] = Field(
        validation_alias=AliasChoices("query", "q", "question", "text", "search", "search_query")
    )
    limit: ResultLimit = Field(default=DEFAULT_RESULTS, validation_alias=_LIMIT_ALIASES)
    tags: Annotated[Tags, Field(description="Only memories with all of these tags")] = Field(
        default_factory=list, validation_alias=AliasChoices("tags", "tag")
    )
    since: Annotated[Timestamp | None, Field(description=SINCE)] = Field(
        default=None, validation_alias=AliasChoices("since", "after", "from", "start")
    )
    until: Annotated[Timestamp | None, Field(description="Only what was written before then (ISO 8601)")] = (
        Field(default=None, validation_alias=AliasChoices("until", "before", "to", "end"))
    )
    visibility: Annotated[Visibility | None, Field(description="Only private, or only public ones")] = None
    max_tokens: TokenBudget = Field(default=MAX_TOKENS, validation_alias=_BUDGET_ALIASES)


class FetchArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))
    max_tokens: TokenBudget = Field(default=MAX_TOKENS, validation_alias=_BUDGET_ALIASES)


class AddMemoryArguments(ToolArguments):
    text: Annotated[Text, Field(description="One fact, in a sentence that is clear on its own")] = Field(
        validation_alias=AliasChoices("text", "content", "memory", "fact", "note")
    )
    tags: Annotated[Tags, Field(description="A few words to find it again by")] = Field(
        default_factory=list, validation_alias=AliasChoices("tags", "tag")
    )
    expires_at: Annotated[Timestamp | None, Field(description="When it stops being true (ISO 8601)")] = Field(
        default=None, validation_alias=AliasChoices("expires_at", "expires", "expiry")
    )


class UpdateMemoryArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))
    text: Annotated[Text | None, Field(description="The new text; the old one is kept in the history")] = (
        Field(default=None, validation_alias=AliasChoices("text", "content", "memory", "new_text"))
    )
    tags: Annotated[Tags | None, Field(description="All tags from now on; [] for none")] = Field(
        default=None, validation_alias=AliasChoices("tags", "tag")
    )
    expires_at: Annotated[
        datetime | str | None,
        Field(description='When it stops being true (ISO 8601), or "never"'),
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
    question: Annotated[str, Field(description="The question, in plain words")] = Field(
        validation_alias=AliasChoices("question", "q", "query", "text")
    )
    handle: Annotated[
        str,
        BeforeValidator(_normalize_handle),
        Field(description="Whose persona; the person's own by default"),
    ] = Field(default=SELF_HANDLE, validation_alias=AliasChoices("handle", "persona", "person", "user"))


class WhoamiArguments(ToolArguments):
    pass


def convert_to_utc(given: datetime | None, person: User) -> datetime | None:
    """The moment that is meant. One without an offset is the person's own time. Raises ValueError for an odd one."""
    if given is None:
        return None
    try:
        return (given if given.tzinfo else given.replace(tzinfo=person.zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError from None
