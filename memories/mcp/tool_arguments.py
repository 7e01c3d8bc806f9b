"""Arguments of the tools, and their schemas. Common wrong names are accepted as aliases; unknown names are rejected."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema

from accounts.models import User
from memories.context.selection import DEFAULT_TOKENS as DEFAULT_CONTEXT
from memories.context.selection import MAX_TOKENS as MAX_CONTEXT
from memories.context.selection import MIN_TOKENS as MIN_CONTEXT
from memories.mcp.argument_values import (
    extract_id,
    is_empty_list,
    parse_expiry,
    parse_integer,
    parse_time,
    select_given,
    split_list,
)
from memories.models import Visibility
from memories.persona.retrieval import SELF_HANDLE

MAX_TOKENS = 25_000  # of a result; clients truncate or reject longer ones
MIN_TOKENS = 200
LIST_TOKENS = 3_000  # of a list by default: what a model can read besides its conversation
MAX_RESULTS = 100
DEFAULT_RESULTS = 10
END_OF_DAY = time(23, 59, 59)
# Every optional argument has a value that means nothing, because some clients must give all arguments.
ANY = "any"


def _normalize_handle(value: object) -> object:
    return (value.strip().removeprefix("@") or SELF_HANDLE) if isinstance(value, str) else value


def _parse_visibility(value: object) -> object:
    if isinstance(value, str):
        value = value.strip().lower()
    return None if value == ANY else value


def _parse_pin(value: object) -> object:
    """Return None for "unchanged": `false` would be what a client in strict mode gives for nothing."""
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else value
    return (
        {UNCHANGED: None, "true": True, "false": False}.get(text, value) if isinstance(text, str) else value
    )


MemoryId = Annotated[str, BeforeValidator(extract_id), Field(description="ID of the memory")]
Tags = Annotated[
    list[str],
    BeforeValidator(split_list),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
Timestamp = Annotated[date, PlainValidator(parse_time), WithJsonSchema({"type": "string"})]
Expiry = Annotated[date | str, PlainValidator(parse_expiry), WithJsonSchema({"type": "string"})]
VisibilityFilter = Annotated[
    Visibility | None,
    BeforeValidator(_parse_visibility),
    WithJsonSchema({"type": "string", "enum": [ANY, *Visibility.values]}),
]
ResultLimit = Annotated[
    int,
    Field(ge=1, le=MAX_RESULTS, description=f"{DEFAULT_RESULTS} by default"),
    BeforeValidator(parse_integer),
]
TokenBudget = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description=f"{MAX_TOKENS} by default"),
    BeforeValidator(parse_integer),
]
ListBudget = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description=f"{LIST_TOKENS} by default"),
    BeforeValidator(parse_integer),
]
SINCE = "Created since this date or time (ISO 8601). Empty: any"
UNTIL = "Created before this time or the end of this date. Empty: any"
SUPERSEDES = "ID of the memory that this replaces. Empty: none"
PINNED = "First in every context; the user must approve it"
UNCHANGED = "unchanged"
_TAG_NAMES = ("tags", "tag")
_ID_NAMES = AliasChoices("id", "memory_id", "memoryId", "uri", "url")
_EXPIRY_ALIASES = AliasChoices("expires_at", "expires", "expiry")
_LIMIT_ALIASES = AliasChoices("limit", "max_results", "n", "k", "top_k", "count")
_SUPERSEDES_ALIASES = AliasChoices("supersedes", "replaces", "supersedes_id", "replaced_id")
_PINNED_ALIASES = AliasChoices("pinned", "pin", "is_pinned")
Superseded = Annotated[str | None, BeforeValidator(extract_id), Field(description=SUPERSEDES)]
_BUDGET_ALIASES = AliasChoices("max_tokens", "token_budget", "budget")


class ToolArguments(BaseModel):
    """Arguments, of which null, empty text, and words such as "null" are omitted ones."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _select_given(cls, arguments: Any) -> Any:
        return cls.select_given(arguments) if isinstance(arguments, Mapping) else arguments

    @classmethod
    def select_given(cls, arguments: Mapping[str, object]) -> dict[str, object]:
        return select_given(arguments, required=cls._get_required_names(), lists=_TAG_NAMES)

    @classmethod
    @cache
    def _get_required_names(cls) -> frozenset[str]:
        """Return the names and aliases of the required arguments."""
        required = [(name, field) for name, field in cls.model_fields.items() if field.is_required()]
        aliases = (
            (name, *field.validation_alias.choices)
            if isinstance(field.validation_alias, AliasChoices)
            else (name,)
            for name, field in required
        )
        return frozenset(str(alias) for each in aliases for alias in each)

    @classmethod
    def schema_json(cls) -> dict[str, Any]:  # type: ignore[override]
        """Return the JSON Schema for clients; it allows other names, because aliases are accepted."""
        return build_plain_schema(cls)


def build_plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema without references and null.

    Converters to the function schemas of models drop what is next to a `$ref` or an `anyOf`, or reject it.
    """
    schema = model.model_json_schema(schema_generator=PlainJsonSchema)
    return dict(_inline_references(schema, schema.pop("$defs", {})))


def _inline_references(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inline_references(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        others = {name: value for name, value in schema.items() if name != "$ref"}
        schema = {**definitions[reference.rpartition("/")[2]], **others}
    return {name: _inline_references(value, definitions) for name, value in schema.items()}


class PlainJsonSchema(GenerateJsonSchema):
    """JSON Schema without titles, null, defaults, `additionalProperties` and the descriptions of classes.

    The converter of google-genai 3 fails at `additionalProperties: false`.
    """

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def nullable_schema(self, schema: Any) -> dict[str, object]:
        """A value that may be None is left out instead."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, object]:
        """The default is in the description: not every model's function schemas may have it elsewhere."""
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: Any) -> dict[str, object]:
        full = super().model_schema(schema)
        omitted = ("title", "description", "additionalProperties")
        return {name: value for name, value in full.items() if name not in omitted}


class SearchArguments(ToolArguments):
    query: Annotated[str, Field(description="In plain language")] = Field(
        validation_alias=AliasChoices("query", "q", "question", "text", "search", "search_query")
    )
    limit: ResultLimit = Field(default=DEFAULT_RESULTS, validation_alias=_LIMIT_ALIASES)
    tags: Annotated[Tags, Field(description="Only memories with all of these tags")] = Field(
        default_factory=list, validation_alias=AliasChoices(*_TAG_NAMES)
    )
    since: Annotated[Timestamp | None, Field(description=SINCE)] = Field(
        default=None, validation_alias=AliasChoices("since", "after", "from", "start")
    )
    until: Annotated[Timestamp | None, Field(description=UNTIL)] = Field(
        default=None, validation_alias=AliasChoices("until", "before", "to", "end")
    )
    visibility: Annotated[VisibilityFilter, Field(description=f"{ANY} by default")] = None
    max_tokens: ListBudget = Field(default=LIST_TOKENS, validation_alias=_BUDGET_ALIASES)


class FetchArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=_ID_NAMES)
    max_tokens: TokenBudget = Field(default=MAX_TOKENS, validation_alias=_BUDGET_ALIASES)


class AddMemoryArguments(ToolArguments):
    text: Annotated[str, Field(description="One fact, understandable on its own")] = Field(
        validation_alias=AliasChoices("text", "content", "memory", "fact", "note")
    )
    tags: Annotated[Tags, Field(description="A few keywords to find the memory by")] = Field(
        default_factory=list, validation_alias=AliasChoices(*_TAG_NAMES)
    )
    expires_at: Annotated[
        Expiry | None,
        Field(description='When it expires: ISO 8601, a date until its end; or "never", the default'),
    ] = Field(default=None, validation_alias=_EXPIRY_ALIASES)
    supersedes: Superseded = Field(default=None, validation_alias=_SUPERSEDES_ALIASES)
    pinned: Annotated[bool, Field(description=PINNED)] = Field(
        default=False, validation_alias=_PINNED_ALIASES
    )


class UpdateMemoryArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=_ID_NAMES)
    text: Annotated[str | None, Field(description="New text. Empty: no change")] = Field(
        default=None, validation_alias=AliasChoices("text", "content", "memory", "new_text")
    )
    tags: Annotated[
        Tags | None,
        Field(description="Replaces all tags. [] removes them, but not next to other empty arguments"),
    ] = Field(default=None, validation_alias=AliasChoices(*_TAG_NAMES))
    expires_at: Annotated[
        Expiry | None,
        Field(description='New expiry, or "never". Empty: no change'),
    ] = Field(default=None, validation_alias=_EXPIRY_ALIASES)
    supersedes: Superseded = Field(default=None, validation_alias=_SUPERSEDES_ALIASES)
    pinned: Annotated[
        bool | None,
        BeforeValidator(_parse_pin),
        WithJsonSchema({"type": "string", "enum": [UNCHANGED, "true", "false"]}),
        Field(description=PINNED),
    ] = Field(default=None, validation_alias=_PINNED_ALIASES)

    @classmethod
    def select_given(cls, arguments: Mapping[str, object]) -> dict[str, object]:
        """Return the given arguments. `[]` next to other empty values is one of them.

        Clients in strict mode must give every argument, so a model that only changes the text leaves the rest empty.
        """
        given = super().select_given(arguments)
        if len(given) == len(arguments):
            return given
        return {name: value for name, value in given.items() if not is_empty_list(value)}


class ForgetMemoryArguments(ToolArguments):
    id: MemoryId = Field(validation_alias=_ID_NAMES)


class ListRecentArguments(ToolArguments):
    limit: ResultLimit = Field(default=DEFAULT_RESULTS, validation_alias=_LIMIT_ALIASES)
    since: Annotated[Timestamp | None, Field(description=SINCE)] = Field(
        default=None, validation_alias=AliasChoices("since", "after", "from", "start")
    )
    max_tokens: ListBudget = Field(default=LIST_TOKENS, validation_alias=_BUDGET_ALIASES)


class GetContextArguments(ToolArguments):
    query: Annotated[
        str,
        Field(description="Topic, to put related memories first. Empty: none"),
    ] = Field(default="", validation_alias=AliasChoices("query", "q", "topic", "question", "text"))
    max_tokens: Annotated[
        int,
        Field(ge=MIN_CONTEXT, le=MAX_CONTEXT, description=f"{DEFAULT_CONTEXT} by default"),
        BeforeValidator(parse_integer),
    ] = Field(default=DEFAULT_CONTEXT, validation_alias=_BUDGET_ALIASES)


class AskPersonaArguments(ToolArguments):
    question: Annotated[str, Field(description="In plain language")] = Field(
        validation_alias=AliasChoices("question", "q", "query", "text")
    )
    handle: Annotated[
        str,
        BeforeValidator(_normalize_handle),
        Field(description="The user's own by default"),
    ] = Field(default=SELF_HANDLE, validation_alias=AliasChoices("handle", "persona", "person", "user"))


class WhoamiArguments(ToolArguments):
    """Ignores any argument: clients that cannot call a tool without one make one up."""

    model_config = ConfigDict(extra="ignore")


def convert_to_utc(
    value: date | None, person: User, *, day_time: time = time.min, days: int = 0
) -> datetime | None:
    """Return the time in UTC; without an offset it is in the user's time zone. Raises ValueError if out of range.

    day_time, days: the time of a date alone, and how many days later.
    """
    if value is None:
        return None
    try:
        if not isinstance(value, datetime):
            value = datetime.combine(value + timedelta(days=days), day_time)
        return (value if value.tzinfo else value.replace(tzinfo=person.zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError from None
