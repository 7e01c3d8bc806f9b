"""What tools answer: the shapes, which are the output schemas too, and what they are made of."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.clients import names as client_names
from memories.errors import ApprovalRequired
from memories.mcp.tool_arguments import CompactJsonSchema
from memories.models import Memory, Tag
from memories.persona import retrieval as persona_retrieval
from memories.services import reads
from memories.services.reads import decrypt_or_none
from memories.services.representation import CITED_FIELDS, represent_memory, shorten_text
from memories.validation import limits

TITLE_CHARACTERS = 60
FOUND_FIELDS = ("tags", "visibility", "created_at", "updated_at", "expires_at")
METADATA_FIELDS = (*FOUND_FIELDS, "version", "source")
KEPT_FIELDS = ("version", "tags", "visibility", "expires_at")


class ToolResult(BaseModel):
    """Keys without a value are left out."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def schema_json(cls) -> dict[str, Any]:  # type: ignore[override]
        return cls.model_json_schema(schema_generator=CompactJsonSchema)

    @property
    def token_count(self) -> int:
        """How long it is for a model, about."""
        return len(self.model_dump_json(exclude_none=True).encode()) // limits.BYTES_PER_TOKEN


class MemoryResult(ToolResult):
    """A memory. url: its page, for its owner."""

    id: str
    title: str
    text: str
    url: str
    tags: list[str]
    visibility: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    score: float | None = Field(default=None, description="For the order within this answer only")
    is_cut: bool | None = Field(default=None, description="The text goes on: fetch it")


class MemoryListResult(ToolResult):
    results: list[MemoryResult]
    left_out: int | None = Field(default=None, description="So many more would have made the answer too long")
    degraded: bool | None = Field(
        default=None, description="Only words were compared; meaning was not available"
    )


class DocumentMetadata(ToolResult):
    tags: list[str]
    visibility: str
    version: int
    source: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    is_cut: bool | None = None


class Document(ToolResult):
    id: str
    title: str
    text: str
    url: str
    metadata: DocumentMetadata


class WriteResult(ToolResult):
    """What was added or changed. existed: the same text was there already, and nothing was added.

    waits: nothing is saved until the person says yes; `note` says so, and `url` is where they do.
    """

    id: str
    title: str | None = None
    url: str
    version: int | None = None
    tags: list[str] | None = None
    visibility: str | None = None
    expires_at: datetime | None = None
    existed: bool | None = None
    waits: bool | None = None
    note: str | None = None


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


class PersonaAnswer(ToolResult):
    answer: str
    citations: list[Citation]
    mode: str
    includes_private: bool
    degraded: bool


class PersonName(ToolResult):
    id: str
    handle: str
    display_name: str


class TagName(ToolResult):
    id: str
    name: str | None = None


class Identity(ToolResult):
    """only_tags: the app sees memories with one of these only; without, all that its scopes allow."""

    person: PersonName
    app: str
    client_id: str
    scopes: list[str]
    only_tags: list[TagName] | None = None
    access_until: datetime | None = None


def get_memory_url(memory: Memory) -> str:
    return f"{settings.PUBLIC_URL}{reverse('memories:detail', args=[memory.pk])}"


def derive_title(text: str) -> str:
    return shorten_text(text.split("\n", 1)[0], TITLE_CHARACTERS)


def build_memory_result(memory: Memory, text: str, score: float | None = None) -> MemoryResult:
    return MemoryResult(
        id=str(memory.pk),
        title=derive_title(text),
        text=text,
        url=get_memory_url(memory),
        **represent_memory(memory, FOUND_FIELDS),
        score=None if score is None else round(score, 4),
    )


def build_list_result(memories: Iterable[tuple[Memory, float | None]], max_tokens: int) -> MemoryListResult:
    """As many, in order, as fit. A memory that does not open is left out: it must not hide the others."""
    texts = [
        (memory, text, score) for memory, score in memories if (text := decrypt_or_none(memory)) is not None
    ]
    kept: list[MemoryResult] = []
    left = max_tokens - MemoryListResult(results=[], left_out=len(texts), degraded=True).token_count - 1
    for memory, text, score in texts:
        one = build_memory_result(memory, text, score)
        if one.token_count + 1 > left and not kept:
            one = _truncate_result(one, left)
        if one.token_count + 1 > left:
            break
        left -= one.token_count + 1
        kept.append(one)
    return MemoryListResult(results=kept, left_out=(len(texts) - len(kept)) or None)


def build_document(memory: Memory, max_tokens: int) -> Document:
    """Raises DecryptError."""
    whole = Document(
        id=str(memory.pk),
        title=derive_title(memory.text),
        text=memory.text,
        url=get_memory_url(memory),
        metadata=DocumentMetadata(**represent_memory(memory, METADATA_FIELDS)),
    )
    if whole.token_count <= max_tokens:
        return whole
    whole.metadata.is_cut = True
    whole.text = truncate_text(
        whole.text, lambda text: whole.model_copy(update={"text": text}).token_count <= max_tokens
    )
    return whole


def build_write_result(memory: Memory, *, existed: bool | None = None) -> WriteResult:
    return WriteResult(
        id=str(memory.pk),
        title=derive_title(memory.text),
        url=get_memory_url(memory),
        **represent_memory(memory, KEPT_FIELDS),
        existed=existed,
    )


def build_approval_result(error: ApprovalRequired) -> WriteResult:
    note = _("Nothing is saved yet: this waits for the person's yes. Do not try again; tell them.")
    [proposal_id] = error.ids
    return WriteResult(
        id=str(proposal_id), url=f"{settings.PUBLIC_URL}{reverse('memories:review')}", waits=True, note=note
    )


def build_persona_answer(answer: persona_retrieval.Answer, about: User, actor: Actor) -> PersonaAnswer:
    is_own = about.pk == actor.person.pk
    return PersonaAnswer(
        answer=answer.text,
        citations=[
            Citation(
                number=citation.number,
                id=str(citation.memory.pk),
                url=get_memory_url(citation.memory) if is_own else f"{settings.PUBLIC_URL}/@{about.handle}",
                **represent_memory(citation.memory, CITED_FIELDS, text=citation.text),
            )
            for citation in answer.citations
        ],
        mode=str(answer.mode),
        includes_private=answer.includes_private,
        degraded=answer.degraded,
    )


def build_identity(actor: Actor) -> Identity:
    person, client_id = actor.person, actor.client_id or ""
    return Identity(
        person=PersonName(id=str(person.pk), handle=person.handle or "", display_name=person.display_name),
        app=client_names.get_client_names([f"{actor.door}:{client_id}"]).get(client_id, client_id),
        client_id=client_id,
        scopes=[scope for scope in scopes.DESCRIPTIONS if actor.has_scope(scope)],
        only_tags=_get_allowed_tags(actor),
        access_until=actor.until,
    )


def truncate_text(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits, found by halving; it ends in an ellipsis."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(f"{text[:middle]}…") else (low, middle - 1)
    return f"{text[:low].rstrip()}…"


def _truncate_result(one: MemoryResult, max_tokens: int) -> MemoryResult:
    marked = one.model_copy(update={"is_cut": True})
    text = truncate_text(
        one.text, lambda text: marked.model_copy(update={"text": text}).token_count + 1 <= max_tokens
    )
    return marked.model_copy(update={"text": text})


def _get_allowed_tags(actor: Actor) -> list[TagName] | None:
    """By name where the app may read: a tag's name says as much as a text."""
    if actor.only_tags is None:
        return None
    tags: Sequence[Tag] = reads.list_tags(actor) if actor.has_scope(scopes.READ) else ()
    names = {tag.pk: tag.name for tag in tags}
    return [TagName(id=str(pk), name=names.get(pk)) for pk in sorted(actor.only_tags)]
