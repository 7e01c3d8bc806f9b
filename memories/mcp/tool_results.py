"""Results of the tools: the models, which are also the output schemas, and functions that build them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from pydantic import BaseModel, ConfigDict, Field

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.clients import names as client_names
from memories.errors import ApprovalRequired
from memories.mcp.tool_arguments import build_plain_schema
from memories.models import Memory, Tag
from memories.persona import answers as persona_answers
from memories.search.query import Hit
from memories.services import reads
from memories.services.reads import decrypt_or_none
from memories.services.representation import (
    CITED_FIELDS,
    excerpt_text,
    find_largest,
    find_match,
    represent_memory,
    shorten_text,
)
from memories.validation import limits

TITLE_CHARACTERS = 60
NIL = UUID(int=0)
MIN_EXCERPT = 300  # characters of each memory in a list; rather than less, fewer memories
RESULT_FIELDS = (
    "tags", "visibility", "created_at", "updated_at", "expires_at", "supersedes", "superseded_by", "superseded_at",
    "pinned",
)  # fmt: skip
METADATA_FIELDS = (*RESULT_FIELDS, "version", "source")
SAVED_FIELDS = ("version", "tags", "visibility", "expires_at", "supersedes", "pinned")


_SUPERSEDES: Any = Field(default=None, description="ID of the older memory that this one replaces")
_SUPERSEDED_BY: Any = Field(default=None, description="ID of the newer memory that says what holds now")
_PINNED: Any = Field(default=None, description="First in every context")
_SUPERSEDED_AT: Any = Field(default=None, description="Until then this was true; it is past")


class ToolResult(BaseModel):
    """A tool result; keys without a value are omitted."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def schema_json(cls) -> dict[str, Any]:  # type: ignore[override]
        return build_plain_schema(cls)

    @property
    def token_count(self) -> int:
        """Return the estimated length in tokens."""
        return len(self.model_dump_json(exclude_none=True).encode()) // limits.BYTES_PER_TOKEN


class MemoryResult(ToolResult):
    """A memory; `url` is its page for the owner."""

    id: str
    title: str
    text: str
    url: str
    tags: list[str]
    visibility: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    supersedes: UUID | None = _SUPERSEDES
    superseded_by: UUID | None = _SUPERSEDED_BY
    superseded_at: datetime | None = _SUPERSEDED_AT
    pinned: bool | None = _PINNED
    score: float | None = Field(default=None, description="Ranks this result list only")
    strength: float | None = Field(
        default=None, description="Comparable between results; about 0 if unrelated"
    )
    relevance: str | None = Field(
        default=None, description="strong: likely answers the query; fair; weak: may not be about it"
    )
    is_cut: bool | None = Field(default=None, description="The text is an excerpt; fetch returns all of it")


class MemoryListResult(ToolResult):
    results: list[MemoryResult]
    left_out: int | None = Field(default=None, description="Number of results omitted because of max_tokens")
    degraded: bool | None = Field(
        default=None, description="Keyword matches only; search by meaning was unavailable"
    )
    corrected: str | None = Field(
        default=None, description="The query as searched, if a typing error was corrected"
    )
    note: str | None = Field(default=None, description="What the absence of results means")


class DocumentMetadata(ToolResult):
    tags: list[str]
    visibility: str
    version: int
    source: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    supersedes: UUID | None = _SUPERSEDES
    superseded_by: UUID | None = _SUPERSEDED_BY
    superseded_at: datetime | None = _SUPERSEDED_AT
    pinned: bool | None = _PINNED
    is_cut: bool | None = None


class Document(ToolResult):
    id: str
    title: str
    text: str
    url: str
    metadata: DocumentMetadata


class WriteResult(ToolResult):
    """An added or changed memory. `existed`: the same text already existed, and nothing was added.

    `waits`: nothing is saved until the user approves it at `url`; `note` explains this.
    """

    id: str
    title: str | None = None
    url: str
    version: int | None = None
    tags: list[str] | None = None
    visibility: str | None = None
    expires_at: datetime | None = None
    supersedes: UUID | None = _SUPERSEDES
    pinned: bool | None = _PINNED
    existed: bool | None = None
    waits: bool | None = None
    note: str | None = None


class TextResult(ToolResult):
    """A result whose text is not JSON, which would have more tokens than were asked for."""

    text: str


class TrashResult(ToolResult):
    id: str
    forgotten: bool
    note: str


class Citation(ToolResult):
    number: int
    id: str
    text: str
    url: str
    visibility: str
    created_at: datetime
    superseded_by: UUID | None = _SUPERSEDED_BY
    superseded_at: datetime | None = _SUPERSEDED_AT


class PersonaAnswer(ToolResult):
    answer: str
    citations: list[Citation]
    mode: str
    includes_private: bool
    degraded: bool
    closest: list[Citation] = Field(
        default=[], description="Near the question but not cited; they may not answer it"
    )


class PersonName(ToolResult):
    id: str
    handle: str
    display_name: str


class TagName(ToolResult):
    id: str
    name: str | None = None


class Identity(ToolResult):
    """The user and the app. `only_tags`: tags that the app is limited to; omitted if it is not limited."""

    person: PersonName
    app: str
    client_id: str
    scopes: list[str]
    only_tags: list[TagName] | None = None
    access_until: datetime | None = None


def get_memory_url(memory: Memory) -> str:
    return settings.PUBLIC_URL + _get_path_pattern().format(memory.pk)


@cache
def _get_path_pattern() -> str:
    """Return the path of a memory's page, with braces for its ID."""
    return reverse("memories:detail", args=[NIL]).replace(str(NIL), "{}")


def derive_title(text: str) -> str:
    return shorten_text(text.split("\n", 1)[0], TITLE_CHARACTERS)


def _represent_memory(memory: Memory, names: Sequence[str]) -> dict[str, Any]:
    return represent_memory(memory, names, pinned=memory.pinned or None)


def build_memory_result(memory: Memory, text: str, hit: Hit | None = None) -> MemoryResult:
    result = MemoryResult(
        id=str(memory.pk),
        title=derive_title(text),
        text=text,
        url=get_memory_url(memory),
        **_represent_memory(memory, RESULT_FIELDS),
    )
    if hit is not None:
        result.score, result.strength = round(hit.score, 4), round(hit.strength, 4)
        result.relevance = hit.relevance
    return result


def build_list_result(
    memories: Iterable[tuple[Memory, Hit | None]], max_tokens: int, *, corrected: str | None = None
) -> MemoryListResult:
    """Return as many memories, in order, as fit: if need be excerpts of the longest. Skip undecryptable ones."""
    found = [
        (build_memory_result(memory, text, hit), hit)
        for memory, hit in memories
        if (text := decrypt_or_none(memory)) is not None
    ]
    empty = MemoryListResult(results=[], left_out=len(found), degraded=True, corrected=corrected)
    budget = max_tokens - empty.token_count - 1
    results = [result for result, _hit in found]
    if results and _count_tokens(results) > budget:
        results = _shorten_results(found, budget)
    return MemoryListResult(
        results=results, left_out=(len(found) - len(results)) or None, corrected=corrected
    )


def _count_tokens(results: Iterable[MemoryResult]) -> int:
    return sum(result.token_count + 1 for result in results)


def _shorten_results(found: Sequence[tuple[MemoryResult, Hit | None]], budget: int) -> list[MemoryResult]:
    """Return excerpts around what matched, and fewer results if that is not enough, but at least one."""
    places = [(result, find_match(result.text, hit) if hit else 0) for result, hit in found]

    def cut_results(characters: int) -> list[MemoryResult]:
        return [_cut_result(result, around, characters) for result, around in places]

    def fits(results: Iterable[MemoryResult]) -> bool:
        return _count_tokens(results) <= budget

    longest = max(len(result.text) for result, _around in places)
    results = cut_results(find_largest(MIN_EXCERPT, longest, lambda size: fits(cut_results(size))))
    count = find_largest(0, len(results), lambda count: fits(results[:count]))
    if count:
        return results[:count]
    result, around = places[0]
    size = find_largest(0, longest, lambda size: fits([_cut_result(result, around, size)]))
    return [_cut_result(result, around, size)]


def _cut_result(result: MemoryResult, around: int, characters: int) -> MemoryResult:
    if len(result.text) <= characters:
        return result
    text = excerpt_text(result.text, around, characters)
    return result.model_copy(update={"text": text, "is_cut": True})


def build_document(memory: Memory, max_tokens: int) -> Document:
    """Return the memory, truncated to `max_tokens`. Raises DecryptError."""
    document = Document(
        id=str(memory.pk),
        title=derive_title(memory.text),
        text=memory.text,
        url=get_memory_url(memory),
        metadata=DocumentMetadata(**_represent_memory(memory, METADATA_FIELDS)),
    )
    if document.token_count <= max_tokens:
        return document
    document.metadata.is_cut = True
    text = document.text

    def fits(characters: int) -> bool:
        document.text = excerpt_text(text, 0, characters)
        return document.token_count <= max_tokens

    document.text = excerpt_text(text, 0, find_largest(0, len(text), fits))
    return document


def build_write_result(memory: Memory, *, existed: bool | None = None) -> WriteResult:
    return WriteResult(
        id=str(memory.pk),
        title=derive_title(memory.text),
        url=get_memory_url(memory),
        **_represent_memory(memory, SAVED_FIELDS),
        existed=existed,
    )


def build_approval_result(error: ApprovalRequired) -> WriteResult:
    note = "Nothing is saved yet: this needs the user's approval. Do not retry; tell the user."
    [proposal_id] = error.ids
    return WriteResult(
        id=str(proposal_id), url=f"{settings.PUBLIC_URL}{reverse('memories:review')}", waits=True, note=note
    )


def build_persona_answer(answer: persona_answers.Answer, subject: User, actor: Actor) -> PersonaAnswer:
    is_own = subject.pk == actor.person.pk

    def build_citation(source: persona_answers.Citation) -> Citation:
        return Citation(
            number=source.number,
            id=str(source.memory.pk),
            url=get_memory_url(source.memory) if is_own else f"{settings.PUBLIC_URL}/@{subject.handle}",
            **represent_memory(source.memory, CITED_FIELDS, text=source.text),
        )

    return PersonaAnswer(
        answer=answer.text,
        citations=[build_citation(source) for source in answer.citations],
        mode=str(answer.mode),
        includes_private=answer.includes_private,
        degraded=answer.degraded,
        closest=[build_citation(source) for source in answer.closest],
    )


def build_identity(actor: Actor) -> Identity:
    person, client_id = actor.person, actor.client_id or ""
    return Identity(
        person=PersonName(id=str(person.pk), handle=person.handle or "", display_name=person.display_name),
        app=client_names.get_client_names(person.pk, [f"{actor.door}:{client_id}"]).get(client_id, client_id),
        client_id=client_id,
        scopes=[scope for scope in scopes.DESCRIPTIONS if actor.has_scope(scope)],
        only_tags=_get_allowed_tags(actor),
        access_until=actor.until,
    )


def _get_allowed_tags(actor: Actor) -> list[TagName] | None:
    """Return the tags that limit the app, with names only if it can read memories: names are private too."""
    if actor.only_tags is None:
        return None
    tags: Sequence[Tag] = reads.list_tags(actor).tags if actor.has_scope(scopes.READ) else ()
    names = {tag.pk: tag.name for tag in tags}
    return [TagName(id=str(pk), name=names.get(pk)) for pk in sorted(actor.only_tags)]
