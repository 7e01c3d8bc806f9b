"""The conversation that a page carries: sealed for one asker, with sources that are read again."""

import base64
from collections.abc import Callable

import pytest

from accounts.actor import ANONYMOUS, Actor
from accounts.models import User
from memories.models import AuditAction, AuditEvent, Memory
from memories.persona.answers import Answer, AnswerMode
from memories.persona.conversation import (
    MAX_EXCHANGES,
    MAX_SEALED_CHARACTERS,
    Conversation,
    UnreadableConversation,
    build_turns,
    get_seal,
    read_exchanges,
)
from memories.persona.retrieval import ask_persona
from memories.services import writes
from tests.factories import remember, session

pytestmark = pytest.mark.django_db

FACT = "The zebra sleeps in the garden."
QUESTION = "Where does the zebra sleep?"


@pytest.fixture
def fact(ada: User, index: Callable[[], int]) -> Memory:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    memory = remember(ada, FACT, visibility="public")
    index()
    return memory


def ask(actor: Actor, about: User, *, generated: str = "") -> str:
    """Ask once; return the sealed conversation."""
    answer = ask_persona(actor, about, QUESTION)
    if generated:
        answer = Answer(generated, answer.citations, AnswerMode.WORDED, degraded=False)
    return get_seal(actor).close(Conversation(about.pk).add(QUESTION, answer))


def test_sealed_conversation_contains_no_readable_text(ada: User, fact: Memory) -> None:
    sealed = base64.b64decode(ask(session(ada), ada, generated="canary00042 [1]"))
    for text in (b"zebra", b"canary", fact.pk.bytes, str(fact.pk).encode()):
        assert text not in sealed


def test_quotations_are_read_again(ada: User, fact: Memory) -> None:
    sealed = ask(session(ada), ada)
    writes.update_memory(session(ada), fact.pk, text="The zebra moved to the zoo.")
    [exchange] = read_exchanges(session(ada), ada, get_seal(session(ada)).open(sealed, ada))
    assert exchange.answer.text == "The zebra moved to the zoo. [1]"
    assert [turn.text for turn in build_turns([exchange])] == [QUESTION, exchange.answer.text]


@pytest.mark.parametrize("generated", ["", "In the garden, says canary00042 [1]."])
@pytest.mark.parametrize("change", ["private", "trash"])
def test_answer_is_withheld_without_its_source(
    ada: User, bob: User, fact: Memory, generated: str, change: str
) -> None:
    sealed = ask(session(bob), ada, generated=generated)
    if change == "trash":
        writes.trash_memory(session(ada), fact.pk)
    else:
        writes.update_memory(session(ada), fact.pk, visibility="private")
    [exchange] = read_exchanges(session(bob), ada, get_seal(session(bob)).open(sealed, ada))
    assert exchange.is_withheld
    assert (exchange.answer.text, exchange.answer.citations) == ("", ())
    assert [turn.text for turn in build_turns([exchange])] == [QUESTION]


def test_reading_sources_again_is_recorded_for_others_only(ada: User, bob: User, fact: Memory) -> None:
    for actor, count in ((session(ada), 0), (session(bob), 1), (ANONYMOUS, 1)):
        sealed = ask(actor, ada)
        AuditEvent.objects.all()._raw_delete("default")
        read_exchanges(actor, ada, get_seal(actor).open(sealed, ada))
        events = AuditEvent.objects.filter(action=AuditAction.PERSONA_ASK)
        assert [list(event.memory_ids) for event in events] == [[fact.pk]] * count


def test_conversation_is_readable_for_its_asker_only(ada: User, bob: User, fact: Memory) -> None:
    sealed = ask(session(bob), ada)
    for actor in (session(ada), ANONYMOUS):
        with pytest.raises(UnreadableConversation):
            get_seal(actor).open(sealed, ada)


def test_conversation_about_somebody_else_is_a_new_one(ada: User, bob: User, fact: Memory) -> None:
    sealed = ask(session(bob), ada)
    assert get_seal(session(bob)).open(sealed, bob).exchanges == ()


@pytest.mark.parametrize("damage", ["x", "\0", "é", "[]", "AAAA", "A" * MAX_SEALED_CHARACTERS, "A" * 99_999])
def test_damaged_conversation_is_refused(ada: User, damage: str) -> None:
    with pytest.raises(UnreadableConversation):
        get_seal(session(ada)).open(damage, ada)


def test_changed_conversation_is_refused(ada: User, fact: Memory) -> None:
    sealed = ask(session(ada), ada)
    changed = ("B" if sealed[40] == "A" else "A").join((sealed[:40], sealed[41:]))
    with pytest.raises(UnreadableConversation):
        get_seal(session(ada)).open(changed, ada)


def test_longest_conversation_is_bounded(ada: User, fact: Memory) -> None:
    answer = ask_persona(session(ada), ada, QUESTION)
    conversation = Conversation(ada.pk)
    for number in range(MAX_EXCHANGES + 3):
        text = "".join(chr(0x4E00 + (number * 7919 + place * 104_729) % 20_000) for place in range(9_000))
        worded = Answer(text, answer.citations, AnswerMode.WORDED, degraded=False)
        conversation = conversation.add(text[:1_000], worded)
    sealed = get_seal(session(ada)).close(conversation)
    assert [each.number for each in conversation.exchanges] == list(range(4, MAX_EXCHANGES + 4))
    assert len(sealed) <= MAX_SEALED_CHARACTERS
    assert get_seal(session(ada)).open(sealed, ada) == conversation
