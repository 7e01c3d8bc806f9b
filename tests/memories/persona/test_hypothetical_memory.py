"""Question rewriting: a chat model states a memory that would answer, which is searched beside the question."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.test import Client

from accounts.actor import ANONYMOUS, Actor
from accounts.models import User
from memories.models import AuditEvent, Memory
from memories.persona import generation, hypothetical_memory
from memories.persona.answers import Answer, AnswerMode, ChatTurn
from memories.persona.hypothetical_memory import clean_output
from memories.persona.retrieval import MAX_REWRITTEN_SOURCES, prepare_answer
from memories.providers.chat_settings import ChatSettings
from tests.factories import remember, session
from tests.memories.api.callers import session_of
from tests.memories.mcp.callers import app_of
from tests.model_server import ModelServer, Mood

pytestmark = pytest.mark.django_db

QUESTION = "Where does the walrus go on holiday?"
NEAR = "The walrus likes a holiday."
FAR = "Every August we rent the bungalow by the lighthouse."
REWRITTEN = "In August I rent a bungalow near the lighthouse."


@pytest.fixture
def walrus(ada: User, index: Callable[[], int]) -> User:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    remember(ada, NEAR, visibility="public")
    remember(ada, FAR)
    index()
    return ada


def ask(actor: Actor, about: User, question: str = QUESTION, turns: tuple[ChatTurn, ...] = ()) -> Answer:
    return async_to_sync(generation.generate_answer)(prepare_answer(actor, about, question, turns))


def test_model_reads_what_only_the_rewritten_question_finds(walrus: User, model: ModelServer) -> None:
    ask(session(walrus), walrus)
    assert FAR not in model.prompts[-1]
    model.rewrites, model.says = REWRITTEN, ["A bungalow [2]"]
    answer = ask(session(walrus), walrus)
    assert NEAR in model.prompts[-1]
    assert [(source.number, source.text) for source in answer.citations] == [(2, FAR)]


def test_model_is_asked_where_only_the_rewritten_question_is_near(walrus: User, model: ModelServer) -> None:
    model.rewrites = REWRITTEN
    assert [source.text for source in ask(session(walrus), walrus, "And when then?").citations] == [FAR]


def test_rewriting_gets_the_question_and_turns_but_no_memory(walrus: User, model: ModelServer) -> None:
    turns = (ChatTurn("user", "Does the walrus travel?"), ChatTurn("assistant", "Yes [1]."))
    ask(session(walrus), walrus, turns=turns)
    [[system, *messages]] = model.rewritings
    assert [message["content"] for message in messages] == ["Does the walrus travel?", "Yes.", QUESTION]
    assert NEAR not in json.dumps(system)
    assert FAR not in json.dumps(system)


def test_rewritten_question_is_never_shown(walrus: User, model: ModelServer) -> None:
    model.rewrites, model.says = "The walrus owns canary00003.", ["Somewhere [1]"]
    assert "canary" not in repr(ask(session(walrus), walrus))
    model.says = ["Trust me."]  # without a citation the memories are quoted
    assert "canary" not in repr(ask(session(walrus), walrus))
    assert "canary" not in json.dumps(model.chats)


@pytest.mark.parametrize(
    "output", ["", "NONE", "none.", "...", "\n\n", "**NONE**, since no note says so", "€ ☃"]
)
def test_useless_output_is_not_searched(output: str) -> None:
    assert clean_output(output) == ""


def test_refused_rewriting_leaves_the_question(walrus: User, model: ModelServer) -> None:
    model.rewrites = "NONE"
    answer = ask(session(walrus), walrus)
    assert (answer.mode, answer.degraded) == (AnswerMode.WORDED, False)


def test_only_the_first_line_within_a_limit_is_searched() -> None:
    assert clean_output('- "We rent a bungalow."\nThis note says …') == "We rent a bungalow."
    assert len(clean_output("la " * 5_000)) <= hypothetical_memory.CHARACTERS
    assert clean_output("a\0b\ud800c") == "a bc"


def test_answer_that_never_ends_is_not_read_to_the_end(walrus: User, model: ModelServer) -> None:
    model.rewrites = "bungalow lighthouse " * 50_000
    assert ask(session(walrus), walrus).mode == AnswerMode.WORDED
    [request] = [each["body"] for each in model.requests if each["body"]["messages"] in model.rewritings]
    assert request["max_completion_tokens"] == hypothetical_memory.ANSWER_TOKENS


@pytest.mark.parametrize("mood", [Mood.FAILING, Mood.REJECTING, Mood.SILENT])
def test_after_a_failed_rewriting_the_model_still_answers(
    walrus: User, model: ModelServer, mood: Mood
) -> None:
    model.rewriting_mood = mood
    answer = ask(session(walrus), walrus)
    assert (answer.mode, answer.degraded) == (AnswerMode.WORDED, False)
    assert FAR not in model.prompts[-1]


def test_nothing_is_rewritten_while_the_provider_is_left_alone(walrus: User, model: ModelServer) -> None:
    model.mood = Mood.FAILING
    assert ask(session(walrus), walrus).degraded
    model.mood = Mood.WELL
    assert ask(session(walrus), walrus).degraded
    assert len(model.rewritings) == 1


def test_slow_rewriting_is_not_awaited_and_the_model_still_answers(
    walrus: User, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypothetical_memory, "TIMEOUT_S", 0.05)
    model.mood, model.rewrites = Mood.SLOW, REWRITTEN
    answer = ask(session(walrus), walrus)
    assert (answer.mode, answer.degraded) == (AnswerMode.WORDED, False)
    assert FAR not in model.prompts[-1]


def test_wrong_rewriting_loses_nothing_that_the_question_finds(
    walrus: User, model: ModelServer, index: Callable[[], int]
) -> None:
    for number in range(9):
        remember(walrus, f"The walrus went on holiday number {number}.")
    for number in range(20):
        remember(walrus, f"The submarine dives, number {number}.")
    index()
    alone = prepare_answer(session(walrus), walrus, QUESTION)
    model.rewrites = "The submarine dives deep."
    completed = async_to_sync(generation.complete_sources)(alone)
    assert {source.memory.pk for source in alone.sources} < {source.memory.pk for source in completed.sources}
    assert [source.number for source in completed.sources] == list(range(1, MAX_REWRITTEN_SOURCES + 1))
    quoted = alone.quoted.citations
    assert completed.sources[: len(quoted)] == quoted


def test_without_permission_or_as_anonymous_user_nothing_is_rewritten(
    walrus: User, bob: User, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(ANONYMOUS, walrus)
    monkeypatch.setattr(ChatSettings, "is_hosted", True)
    ask(session(walrus), walrus)
    ask(session(bob), walrus)
    assert model.rewritings == []
    bob.chat_provider = "127.0.0.1"
    ask(session(bob), walrus)
    assert len(model.rewritings) == 1


def test_setting_turns_rewriting_off(walrus: User, model: ModelServer, settings: LazySettings) -> None:
    settings.CHAT = replace(settings.CHAT, rewrites_questions=False)
    assert ask(session(walrus), walrus).mode == AnswerMode.WORDED
    assert model.rewritings == []


def test_rewriting_for_another_user_finds_nothing_private(
    walrus: User, bob: User, model: ModelServer
) -> None:
    model.rewrites = REWRITTEN
    ask(session(bob), walrus)
    assert FAR not in model.prompts[-1]
    read = {each for event in AuditEvent.objects.filter(actor_id=bob.pk) for each in event.memory_ids}
    assert read == {memory.pk for memory in Memory.objects.all() if memory.is_public}


def test_all_channels_search_the_rewritten_question(
    walrus: User, ada_client: Client, model: ModelServer
) -> None:
    model.rewrites, model.says = REWRITTEN, ["A bungalow [2]"]
    page = ada_client.post("/memories/ask/", {"question": QUESTION})
    api = session_of(walrus)("post", "/personas/me/ask/", {"question": QUESTION})
    mcp = app_of(walrus).call("ask_persona", question=QUESTION).data
    for answer in (page.content.decode(), json.dumps(api.json), json.dumps(mcp)):
        assert FAR in answer
