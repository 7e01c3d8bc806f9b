"""A persona answers with each kind of server: what it refuses is left out, what its model thinks is never shown."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync
from pytest_django import Settings

from accounts.models import User
from memories.persona import generation
from memories.persona.answers import Answer, AnswerMode
from memories.persona.retrieval import PreparedAnswer, prepare_answer
from memories.providers import chat
from memories.providers.chat_api.habits import get_habits
from tests.factories import remember, session
from tests.model_habits import SERVERS
from tests.model_server import ModelServer

pytestmark = pytest.mark.django_db
THINGS = [
    "umbrella",
    "passport",
    "guitar",
    "ladder",
    "tent",
    "kettle",
    "violin",
    "compass",
    "lantern",
    "saddle",
    "blanket",
    "drill",
    "bicycle",
    "camera",
    "sleigh",
    "telescope",
    "hammock",
    "accordion",
    "wrench",
    "canoe",
]


@pytest.fixture
def questions(
    ada: User, index: Callable[[], int], model: ModelServer, settings: Settings
) -> list[PreparedAnswer]:
    settings.CHAT = replace(settings.CHAT, rewrites_questions=False)
    for number, thing in enumerate(THINGS):
        remember(ada, f"I put the {thing} into locker L{number:02} of the boathouse.")
    index()
    model.replies = find_locker
    return [prepare_answer(session(ada), ada, f"In which locker is the {thing}?") for thing in THINGS]


def find_locker(messages: list[dict[str, str]]) -> str:
    """Answer as a model would, from the memories in the prompt."""
    prompt = "\n".join(message["content"] for message in messages)
    if not (asked := re.search(r"is the (\w+)\?\s*\Z", prompt)):
        return "Yes."
    found = re.search(rf"\[(\d+)\] \([^)]*\) I put the {asked[1]} into locker (L\d\d)", prompt)
    return f"It is in locker {found[2]} [{found[1]}]." if found else "NONE"


def answer(prepared: PreparedAnswer) -> tuple[Answer, str]:
    """Return the answer, and everything that was shown before it."""

    async def collect() -> list[str | Answer]:
        return [part async for part in generation.stream_answer(prepared)]

    *shown, last = async_to_sync(collect)()
    assert isinstance(last, Answer)
    return last, "".join(map(str, shown))


def test_every_kind_of_server_answers_twenty_questions(
    questions: list[PreparedAnswer], model: ModelServer
) -> None:
    answered = {}
    for name, habits in SERVERS.items():
        model.habits = habits
        chat.reset_model()
        answered[name] = 0
        for number, prepared in enumerate(questions):
            given, shown = answer(prepared)
            assert not any(mark in given.text + shown for mark in ("SECRET", "think", "<|", "analysis")), name
            assert shown in (given.text, ""), name
            expected = f"It is in locker L{number:02} [{given.citations[0].number}]."
            answered[name] += (given.text, given.mode, given.degraded) == (expected, AnswerMode.WORDED, False)
    assert answered == dict.fromkeys(SERVERS, len(THINGS))


@pytest.mark.parametrize(
    ("server", "requests", "differences"),
    [
        ("ollama", 1, []),
        ("vllm, gemma", 2, ["no system role"]),
        ("llama.cpp, gemma", 2, ["no system role"]),
        ("mistral", 2, ["max_tokens"]),
        ("openrouter, gpt-5", 2, ["no temperature"]),
        ("openai, o1-preview", 3, ["no temperature", "no system role"]),
        ("old server", 3, ["no token limit"]),
        ("openai, reasoning within the limit", 3, ["no temperature", "more tokens for reasoning"]),
        ("openai, organization not verified", 2, ["no streaming"]),
        ("vllm, deepseek without parser", 1, ["unmarked reasoning"]),
    ],
)
def test_what_a_server_accepts_is_found_out_once(
    questions: list[PreparedAnswer],
    model: ModelServer,
    settings: Settings,
    server: str,
    requests: int,
    differences: list[str],
) -> None:
    model.habits = SERVERS[server]
    assert not answer(questions[0])[0].degraded
    assert len(model.requests) == requests
    assert get_habits(settings.CHAT).describe() == differences
    assert not answer(questions[1])[0].degraded
    assert len(model.requests) == requests + 1


def test_server_that_gives_no_reason_is_asked_with_a_fixed_text(
    questions: list[PreparedAnswer], model: ModelServer
) -> None:
    model.habits = SERVERS["refuses without reason"]
    assert not answer(questions[0])[0].degraded
    with_memories = [prompt for prompt in model.prompts if "boathouse" in prompt]
    assert len(with_memories) == 2
    assert len(model.requests) < 15
    model.requests.clear()
    assert not answer(questions[1])[0].degraded
    assert len(model.requests) == 1
