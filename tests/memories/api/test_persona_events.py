"""A persona's answer as events, as a client reads them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import remember
from tests.fake_openai import FakeOpenAI

pytestmark = pytest.mark.django_db

TRUTH = "The zebra sleeps in the garden."


def events_of(client: Client, handle: str = "me", **more: Any) -> list[tuple[str, Any]]:
    response = client.post(
        f"/api/v1/personas/{handle}/ask/",
        {"question": "Where does the zebra sleep?", **more},
        content_type="application/json",
        headers={"Accept": "text/event-stream"},
    )
    assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")
    content = response.getvalue().decode()
    blocks = [block.split("\n") for block in content.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


@pytest.fixture
def known(ada: User, index: Callable[[], int]) -> User:
    remember(ada, TRUTH)
    index()
    return ada


def test_sources_come_first_then_the_text_in_pieces_then_the_whole(
    known: User, ada_client: Client, chat: FakeOpenAI
) -> None:
    events = events_of(ada_client, turns=[{"question": "Who?", "answer": "A zebra."}])
    assert [name for name, _data in events] == ["sources", *["text"] * (len(events) - 2), "done"]
    assert [each["text"] for each in events[0][1]["citations"]] == [TRUTH]
    assert events[-1][1]["text"] == "In the garden [1]."
    assert events[-1][1]["mode"] == "worded"


def test_without_a_model_the_quotation_is_the_whole(known: User, ada_client: Client) -> None:
    [(_sources, _citations), (name, answer)] = events_of(ada_client)
    assert (name, answer["mode"], answer["text"]) == ("done", "extractive", f"{TRUTH} [1]")


def test_when_the_model_breaks_amid_its_answer_the_quotation_counts(
    known: User, ada_client: Client, chat: FakeOpenAI
) -> None:
    chat.be("cut")
    *_before, (name, answer) = events_of(ada_client)
    assert (name, answer["degraded"], answer["text"]) == ("done", True, f"{TRUTH} [1]")


def test_what_is_refused_is_a_problem_and_no_stream(ada_client: Client) -> None:
    refused = ada_client.post(
        "/api/v1/personas/nobody/ask/",
        {"question": "x"},
        content_type="application/json",
        headers={"Accept": "text/event-stream"},
    )
    assert (refused.status_code, refused["Content-Type"]) == (404, "application/problem+json")


def test_json_is_worded_too(known: User, ada_client: Client, chat: FakeOpenAI) -> None:
    answer = ada_client.post(
        "/api/v1/personas/me/ask/",
        {"question": "Where does the zebra sleep?"},
        content_type="application/json",
    ).json()
    assert (answer["text"], answer["mode"]) == ("In the garden [1].", "worded")
