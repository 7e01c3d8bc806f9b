"""What tools take. Names that models use by mistake are understood; what is not known is refused by name."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from accounts.models import User
from memories.models import Visibility
from memories.persona.retrieval import ONESELF
from memories.validation import limits

MAX_TOKENS = 25_000  # of an answer; clients cut longer ones or refuse them
MIN_TOKENS = 200
MAX_RESULTS = 100
DEFAULT_RESULTS = 10
NEVER = "never"

_ID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def _id_in(given: object) -> object:
    """Of an address (memory://..., the page of a memory) its id."""
    found = _ID.search(given) if isinstance(given, str) else None
    return found.group() if found else given


def _list_of(given: object) -> object:
    return [name.strip() for name in given.split(",")] if isinstance(given, str) else given


def _handle(given: object) -> object:
    return (given.strip().removeprefix("@") or ONESELF) if isinstance(given, str) else given


Id = Annotated[str, BeforeValidator(_id_in), Field(max_length=200, description="Id of the memory")]
Text = Annotated[str, Field(max_length=limits.TEXT_CHARACTERS * 2)]
Tags = Annotated[
    list[str],
    BeforeValidator(_list_of),
    WithJsonSchema({"type": "array", "items": {"type": "string", "maxLength": limits.TAG_CHARACTERS}}),
]
Moment = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
Limit = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="Results at most")]
Budget = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description="Length of the answer at most, in tokens"),
]
SINCE = "Only what was written since then (ISO 8601)"
_LIMIT = AliasChoices("limit", "max_results", "n", "k", "top_k", "count")
_BUDGET = AliasChoices("max_tokens", "token_budget", "budget")


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @classmethod
    def schema_json(cls) -> dict[str, Any]:  # type: ignore[override]
        """The JSON Schema that clients see. It leaves open that other names are understood too."""
        schema = cls.model_json_schema(schema_generator=Plain)
        schema.pop("additionalProperties", None)
        return schema


class Plain(GenerateJsonSchema):
    """Without the titles that repeat the names, and without the class's own."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, object]:
        made = super().model_schema(schema)
        return {name: value for name, value in made.items() if name not in ("title", "description")}


class Search(Arguments):
    query: Annotated[str, Field(description="What to look for, in plain words")] = Field(
        validation_alias=AliasChoices("query", "q", "question", "text", "search", "search_query")
    )
    limit: Limit = Field(default=DEFAULT_RESULTS, validation_alias=_LIMIT)
    tags: Annotated[Tags, Field(description="Only memories with all of these tags")] = Field(
        default_factory=list, validation_alias=AliasChoices("tags", "tag")
    )
    since: Annotated[Moment | None, Field(description=SINCE)] = Field(
        default=None, validation_alias=AliasChoices("since", "after", "from", "start")
    )
    until: Annotated[Moment | None, Field(description="Only what was written before then (ISO 8601)")] = (
        Field(default=None, validation_alias=AliasChoices("until", "before", "to", "end"))
    )
    visibility: Annotated[Visibility | None, Field(description="Only private, or only public ones")] = None
    max_tokens: Budget = Field(default=MAX_TOKENS, validation_alias=_BUDGET)


class Fetch(Arguments):
    id: Id = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))
    max_tokens: Budget = Field(default=MAX_TOKENS, validation_alias=_BUDGET)


class AddMemory(Arguments):
    text: Annotated[Text, Field(description="One fact, in a sentence that is clear on its own")] = Field(
        validation_alias=AliasChoices("text", "content", "memory", "fact", "note")
    )
    tags: Annotated[Tags, Field(description="A few words to find it again by")] = Field(
        default_factory=list, validation_alias=AliasChoices("tags", "tag")
    )
    expires_at: Annotated[Moment | None, Field(description="When it stops being true (ISO 8601)")] = Field(
        default=None, validation_alias=AliasChoices("expires_at", "expires", "expiry")
    )


class UpdateMemory(Arguments):
    id: Id = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))
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


class ForgetMemory(Arguments):
    id: Id = Field(validation_alias=AliasChoices("id", "memory_id", "memoryId", "uri", "url"))


class ListRecent(Arguments):
    limit: Limit = Field(default=DEFAULT_RESULTS, validation_alias=_LIMIT)
    since: Annotated[Moment | None, Field(description=SINCE)] = Field(
        default=None, validation_alias=AliasChoices("since", "after", "from", "start")
    )
    max_tokens: Budget = Field(default=MAX_TOKENS, validation_alias=_BUDGET)


class AskPersona(Arguments):
    question: Annotated[str, Field(description="The question, in plain words")] = Field(
        validation_alias=AliasChoices("question", "q", "query", "text")
    )
    handle: Annotated[
        str, BeforeValidator(_handle), Field(description="Whose persona; the person's own by default")
    ] = Field(default=ONESELF, validation_alias=AliasChoices("handle", "persona", "person", "user"))


class Whoami(Arguments):
    pass


def moment(given: datetime | None, person: User) -> datetime | None:
    """The moment that is meant. One without an offset is the person's own time. Raises ValueError for an odd one."""
    if given is None:
        return None
    try:
        return (given if given.tzinfo else given.replace(tzinfo=person.zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError from None
