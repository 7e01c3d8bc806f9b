"""A conversation with a persona, as its page carries it from one question to the next: stored nowhere on the server.

The page holds it encrypted and bound to whoever asks, so that nobody can write an answer into it. It has questions,
generated texts and the ids of cited memories, but no text of a memory: those are read again, under the asker's present
rights, for every question. A generated text is gone with any of its sources.
"""

import base64
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts.actor import Actor
from accounts.keys import get_server_key
from accounts.models import User
from core.crypto import seal_bytes, unseal_bytes
from core.db.principal import read_public_of
from memories.models import AuditAction, Memory
from memories.persona.answers import (
    Answer,
    AnswerMode,
    ChatTurn,
    cite_memory,
    format_citations,
    get_no_answer_text,
)
from memories.services import audit
from memories.services.reads import decrypt_or_none
from memories.services.supersession import attach_links, with_successors

MAX_EXCHANGES = 8  # the oldest are left out
MAX_ANSWER_CHARACTERS = 3_000  # of a generated text
MAX_SEALED_CHARACTERS = 80_000  # of what a page sends back; a longer text is not one that was sealed here


class UnreadableConversation(Exception):
    """The conversation is damaged, of another user, or from before the server's key changed."""


@dataclass(frozen=True)
class Exchange:
    """A question and what was answered. number: in the conversation, from 1. text: generated; empty for quotations.

    cited: the number and id of each cited memory.
    """

    number: int
    question: str
    text: str = ""
    cited: tuple[tuple[int, UUID], ...] = ()


@dataclass(frozen=True)
class Conversation:
    """Exchanges about one user, oldest first."""

    about_id: UUID
    exchanges: tuple[Exchange, ...] = ()

    @property
    def next_number(self) -> int:
        return self.exchanges[-1].number + 1 if self.exchanges else 1

    def add(self, question: str, answer: Answer) -> "Conversation":
        text = (
            answer.text[:MAX_ANSWER_CHARACTERS]
            if answer.mode == AnswerMode.WORDED and answer.citations
            else ""
        )
        cited = tuple((source.number, source.memory.pk) for source in answer.citations)
        exchange = Exchange(self.next_number, question, text, cited)
        return replace(self, exchanges=(*self.exchanges, exchange)[-MAX_EXCHANGES:])


@dataclass(frozen=True)
class ReadExchange:
    """An exchange with its sources as the asker may read them now. is_withheld: it lost a source that it needs."""

    number: int
    question: str
    answer: Answer
    is_withheld: bool = False


@dataclass(frozen=True, repr=False)
class ConversationSeal:
    """Encrypts conversations of one asker. Needs no database once it is there, so that streams can use it."""

    cipher: AESGCM
    bound_to: bytes

    def close(self, conversation: Conversation) -> str:
        exchanges = [[each.number, each.question, each.text, each.cited] for each in conversation.exchanges]
        content = orjson.dumps([conversation.about_id, exchanges])
        sealed = seal_bytes(self.cipher, zlib.compress(content, 9), self.bound_to)
        return base64.b64encode(sealed).decode()

    def open(self, sealed: str, about: User) -> Conversation:
        """Return the conversation about this user: a new one for an empty text, or for one about somebody else.

        Raises UnreadableConversation.
        """
        if not sealed:
            return Conversation(about.pk)
        if len(sealed) > MAX_SEALED_CHARACTERS:
            raise UnreadableConversation
        try:
            content = unseal_bytes(self.cipher, base64.b64decode(sealed, validate=True), self.bound_to)
        except (ValueError, InvalidTag):
            raise UnreadableConversation from None
        about_id, exchanges = orjson.loads(zlib.decompress(content))  # only what `close` wrote decrypts
        if about_id != str(about.pk):
            return Conversation(about.pk)
        return Conversation(about.pk, tuple(_load_exchange(*each) for each in exchanges))


def get_seal(actor: Actor) -> ConversationSeal:
    """Return the seal of conversations of this user, or of anonymous ones."""
    asker = "anonymous" if actor.user is None else str(actor.user.pk)
    return ConversationSeal(get_server_key().conversation_cipher, f"conversation of {asker}".encode())


def read_exchanges(actor: Actor, about: User, conversation: Conversation) -> list[ReadExchange]:
    """Return the exchanges with the sources that the actor may read now, which are recorded as read."""
    ids = {pk for exchange in conversation.exchanges for _, pk in exchange.cited}
    memories = _read_memories(actor, about, ids) if ids else {}
    return [_read_exchange(actor, exchange, memories) for exchange in conversation.exchanges]


def build_turns(exchanges: Iterable[ReadExchange]) -> list[ChatTurn]:
    """Return the exchanges as turns of a conversation; of a withheld answer only the question."""
    turns: list[ChatTurn] = []
    for exchange in exchanges:
        turns.append(ChatTurn("user", exchange.question))
        if not exchange.is_withheld:
            turns.append(ChatTurn("assistant", exchange.answer.text))
    return turns


def _load_exchange(number: int, question: str, text: str, cited: Sequence[tuple[int, str]]) -> Exchange:
    return Exchange(number, question, text, tuple((each, UUID(pk)) for each, pk in cited))


def _read_memories(actor: Actor, about: User, ids: Iterable[UUID]) -> dict[UUID, Memory]:
    if actor.user is None or actor.user.pk != about.pk:
        read_public_of(about.pk)
    rows = with_successors(Memory.objects.visible_to(actor, owner=about).filter(pk__in=ids), about.pk)
    found = [memory for memory in rows if decrypt_or_none(memory) is not None]
    attach_links(actor, found, owner=about)
    audit.record_read(
        actor, AuditAction.PERSONA_ASK, owner_id=about.pk, memory_ids=[memory.pk for memory in found]
    )
    return {memory.pk: memory for memory in found}


def _read_exchange(actor: Actor, exchange: Exchange, memories: dict[UUID, Memory]) -> ReadExchange:
    sources = tuple(
        cite_memory(actor, number, memories[pk]) for number, pk in exchange.cited if pk in memories
    )
    is_withheld = len(sources) < len(exchange.cited) and (bool(exchange.text) or not sources)
    if is_withheld or not sources:
        answer = Answer(
            "" if is_withheld else get_no_answer_text(), (), AnswerMode.EXTRACTIVE, degraded=False
        )
    elif exchange.text:
        answer = Answer(exchange.text, sources, AnswerMode.WORDED, degraded=False)
    else:
        answer = Answer(format_citations(sources, ()), sources, AnswerMode.EXTRACTIVE, degraded=False)
    return ReadExchange(exchange.number, exchange.question, answer, is_withheld)
