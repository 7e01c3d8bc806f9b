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
from memories.errors import WaitsForYes
from memories.mcp.tool_arguments import Plain
from memories.models import Memory, Tag
from memories.persona import retrieval as persona_retrieval
from memories.services import reads
from memories.services.reads import opened
from memories.services.representation import CITED_FIELDS, represent_memory, shorten_text
from memories.validation import limits

TITLE_CHARACTERS = 60
FOUND_FIELDS = ("tags", "visibility", "created_at", "updated_at", "expires_at")
METADATA_FIELDS = (*FOUND_FIELDS, "version", "source")
KEPT_FIELDS = ("version", "tags", "visibility", "expires_at")


class Answer(BaseModel):
    """Keys without a value are left out."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def schema_json(cls) -> dict[str, Any]:  # type: ignore[override]
        return cls.model_json_schema(schema_generator=Plain)

    @property
    def tokens(self) -> int:
        """How long it is for a model, about."""
        return len(self.model_dump_json(exclude_none=True).encode()) // limits.BYTES_PER_TOKEN


class Found(Answer):
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


class Results(Answer):
    results: list[Found]
    left_out: int | None = Field(default=None, description="So many more would have made the answer too long")
    degraded: bool | None = Field(
        default=None, description="Only words were compared; meaning was not available"
    )


class Metadata(Answer):
    tags: list[str]
    visibility: str
    version: int
    source: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    is_cut: bool | None = None


class Document(Answer):
    id: str
    title: str
    text: str
    url: str
    metadata: Metadata


class Kept(Answer):
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


class Forgotten(Answer):
    id: str
    forgotten: bool
    note: str


class Citation(Answer):
    number: int
    id: str
    text: str
    url: str
    visibility: str
    created_at: datetime


class PersonaAnswer(Answer):
    answer: str
    citations: list[Citation]
    mode: str
    includes_private: bool
    degraded: bool


class PersonName(Answer):
    id: str
    handle: str
    display_name: str


class TagName(Answer):
    id: str
    name: str | None = None


class Identity(Answer):
    """only_tags: the app sees memories with one of these only; without, all that its scopes allow."""

    person: PersonName
    app: str
    client_id: str
    scopes: list[str]
    only_tags: list[TagName] | None = None
    access_until: datetime | None = None


def url_of(memory: Memory) -> str:
    return f"{settings.PUBLIC_URL}{reverse('memories:detail', args=[memory.pk])}"


def title_of(text: str) -> str:
    return shorten_text(text.split("\n", 1)[0], TITLE_CHARACTERS)


def found(memory: Memory, text: str, score: float | None = None) -> Found:
    return Found(
        id=str(memory.pk),
        title=title_of(text),
        text=text,
        url=url_of(memory),
        **represent_memory(memory, FOUND_FIELDS),
        score=None if score is None else round(score, 4),
    )


def results(memories: Iterable[tuple[Memory, float | None]], max_tokens: int) -> Results:
    """As many, in order, as fit. A memory that does not open is left out: it must not hide the others."""
    texts = [(memory, text, score) for memory, score in memories if (text := opened(memory)) is not None]
    kept: list[Found] = []
    left = max_tokens - Results(results=[], left_out=len(texts), degraded=True).tokens - 1
    for memory, text, score in texts:
        one = found(memory, text, score)
        if one.tokens + 1 > left and not kept:
            one = _cut(one, left)
        if one.tokens + 1 > left:
            break
        left -= one.tokens + 1
        kept.append(one)
    return Results(results=kept, left_out=(len(texts) - len(kept)) or None)


def document(memory: Memory, max_tokens: int) -> Document:
    """Raises DecryptError."""
    whole = Document(
        id=str(memory.pk),
        title=title_of(memory.text),
        text=memory.text,
        url=url_of(memory),
        metadata=Metadata(**represent_memory(memory, METADATA_FIELDS)),
    )
    if whole.tokens <= max_tokens:
        return whole
    whole.metadata.is_cut = True
    whole.text = shortened(
        whole.text, lambda text: whole.model_copy(update={"text": text}).tokens <= max_tokens
    )
    return whole


def kept(memory: Memory, *, existed: bool | None = None) -> Kept:
    return Kept(
        id=str(memory.pk),
        title=title_of(memory.text),
        url=url_of(memory),
        **represent_memory(memory, KEPT_FIELDS),
        existed=existed,
    )


def waiting(error: WaitsForYes) -> Kept:
    note = _("Nothing is saved yet: this waits for the person's yes. Do not try again; tell them.")
    [proposal_id] = error.ids
    return Kept(
        id=str(proposal_id), url=f"{settings.PUBLIC_URL}{reverse('memories:review')}", waits=True, note=note
    )


def persona_answer(answer: persona_retrieval.Answer, about: User, actor: Actor) -> PersonaAnswer:
    is_own = about.pk == actor.person.pk
    return PersonaAnswer(
        answer=answer.text,
        citations=[
            Citation(
                number=citation.number,
                id=str(citation.memory.pk),
                url=url_of(citation.memory) if is_own else f"{settings.PUBLIC_URL}/@{about.handle}",
                **represent_memory(citation.memory, CITED_FIELDS, text=citation.text),
            )
            for citation in answer.citations
        ],
        mode=str(answer.mode),
        includes_private=answer.includes_private,
        degraded=answer.degraded,
    )


def identity(actor: Actor) -> Identity:
    person, client_id = actor.person, actor.client_id or ""
    return Identity(
        person=PersonName(id=str(person.pk), handle=person.handle or "", display_name=person.display_name),
        app=client_names.of_sources([f"{actor.door}:{client_id}"]).get(client_id, client_id),
        client_id=client_id,
        scopes=[scope for scope in scopes.DESCRIPTIONS if actor.holds(scope)],
        only_tags=_narrowing(actor),
        access_until=actor.until,
    )


def shortened(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits, found by halving; it ends in an ellipsis."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(f"{text[:middle]}…") else (low, middle - 1)
    return f"{text[:low].rstrip()}…"


def _cut(one: Found, max_tokens: int) -> Found:
    marked = one.model_copy(update={"is_cut": True})
    text = shortened(one.text, lambda text: marked.model_copy(update={"text": text}).tokens + 1 <= max_tokens)
    return marked.model_copy(update={"text": text})


def _narrowing(actor: Actor) -> list[TagName] | None:
    """By name where the app may read: a tag's name says as much as a text."""
    if actor.only_tags is None:
        return None
    tags: Sequence[Tag] = reads.tags_of(actor) if actor.holds(scopes.READ) else ()
    names = {tag.pk: tag.name for tag in tags}
    return [TagName(id=str(pk), name=names.get(pk)) for pk in sorted(actor.only_tags)]
