"""Conversations on the Ask page and on public persona pages, without JavaScript and as events."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from memories.index.languages import get_language
from memories.models import AuditAction, AuditEvent, Memory
from memories.persona.example_questions import find_topic
from memories.services import writes
from tests.factories import remember, session
from tests.model_server import ModelServer

pytestmark = pytest.mark.django_db

ASK = "/memories/ask/"
FACT = "The zebra sleeps in the garden."
QUESTION = "Where does the zebra sleep?"
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def fact(ada: User, index: Callable[[], int]) -> Memory:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    memory = remember(ada, FACT, visibility="public", tags=["animals"])
    index()
    return memory


def ask(client: Client, question: str = QUESTION, before: str = "", url: str = ASK, **more: str) -> str:
    """Ask as the form of the page `before` does; return the page."""
    form = {"question": question, "conversation": get_conversation(before), **more}
    return client.post(url, form).content.decode()


def get_conversation(page: str) -> str:
    found = re.search(r'name="conversation" value="([^"]*)"', page)
    return found[1] if found else ""


def get_questions(page: str) -> list[str]:
    return [text.strip() for text in re.findall(r'<h2 class="question"[^>]*>(.*?)</h2>', page, re.DOTALL)]


def get_event(response: Any) -> dict[str, Any]:
    """Return the name and data of the last event."""
    name, data = response.content.decode().strip().split("\n\n")[-1].split("\n")
    return {"name": name.removeprefix("event: "), **json.loads(data.removeprefix("data: "))}


def test_page_keeps_the_conversation_and_empties_the_field(ada_client: Client, fact: Memory) -> None:
    page = ask(ada_client, "What is it?", ask(ada_client))
    assert get_questions(page) == [QUESTION, "What is it?"]
    assert page.count(escape(FACT)) == 2
    assert re.search(r"<textarea[^>]*>\s*</textarea>", page)
    assert page.count('id="latest"') == 1


def test_conversation_is_not_stored(ada: User, ada_client: Client, fact: Memory) -> None:
    ask(ada_client)
    assert get_questions(ada_client.get(ASK).content.decode()) == []
    assert get_conversation(ada_client.get(ASK).content.decode()) == ""


def test_follow_up_goes_to_the_model_with_earlier_turns(
    ada_client: Client, fact: Memory, model: ModelServer
) -> None:
    model.says = ["In the garden [1]."]
    page = ask(ada_client, "And what about its stable?", ask(ada_client))
    *_, earlier, answer, last = model.chats[-1]
    assert [each["content"] for each in (earlier, answer, last)] == [
        QUESTION,
        "In the garden.",
        "And what about its stable?",
    ]
    assert get_questions(page) == [QUESTION, "And what about its stable?"]
    assert 'href="#source-2-1"' in page


def test_events_carry_the_conversation(ada_client: Client, fact: Memory) -> None:
    first = get_event(ada_client.post(ASK, {"question": QUESTION}, headers=EVENTS))
    assert first["name"] == "answer"
    form = {"question": "What is it?", "conversation": first["conversation"]}
    second = get_event(ada_client.post(ASK, form, headers=EVENTS))
    assert get_questions(second["html"]) == ["What is it?"]
    page = ask(ada_client, "Really?", f'name="conversation" value="{second["conversation"]}"')
    assert get_questions(page) == [QUESTION, "What is it?", "Really?"]


@pytest.mark.parametrize("conversation", ["x", "<script>", "A" * 100_000])
def test_unreadable_conversation_becomes_a_new_one(
    ada_client: Client, fact: Memory, conversation: str
) -> None:
    page = ada_client.post(ASK, {"question": QUESTION, "conversation": conversation}).content.decode()
    assert get_questions(page) == [QUESTION]
    assert "The earlier conversation could not be continued" in page
    assert "<script>" not in page


def test_conversation_of_another_user_is_not_shown(
    ada_client: Client, bob_client: Client, fact: Memory
) -> None:
    secret = ask(ada_client, "Where is canary00042?")
    assert "canary" not in ask(bob_client, "Hello?", secret)


def test_error_keeps_conversation_and_question(ada_client: Client, fact: Memory) -> None:
    before = ask(ada_client)
    page = ask(ada_client, "zebra " * 300, before)
    assert get_questions(page) == [QUESTION]
    assert "at most 1,000 characters" in page
    assert page.count("zebra zebra") > 100
    again = ask(ada_client, "What is it?", page)
    assert get_questions(again) == [QUESTION, "What is it?"]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"question": " "}, "Enter a question."),
        ({"question": QUESTION, "whom": "nobody"}, "No persona has this handle."),
    ],
)
def test_error_is_an_event_for_scripts(ada_client: Client, form: dict[str, str], text: str) -> None:
    response = ada_client.post(ASK, form, headers=EVENTS)
    assert (response.status_code, get_event(response)) == (422, {"name": "error", "text": text})


def test_earlier_answer_goes_with_its_source(ada: User, bob_client: Client, fact: Memory) -> None:
    before = ask(bob_client, whom=ada.handle)
    assert escape(FACT) in before
    writes.update_memory(session(ada), fact.pk, visibility="private")
    page = ask(bob_client, "And now?", before, whom=ada.handle)
    assert escape(FACT) not in page
    assert "A source of this answer is no longer available." in page


def test_every_turn_records_what_another_user_read(
    ada: User, bob_client: Client, client: Client, fact: Memory
) -> None:
    for caller, url, form in (
        (bob_client, ASK, {"whom": ada.handle}),
        (client, f"/@{ada.handle}", {}),
    ):
        before = ask(caller, url=url, **form)
        events = AuditEvent.objects.filter(owner_id=ada.pk, action=AuditAction.PERSONA_ASK)
        count = events.count()
        ask(caller, "What about giraffes?", before, url=url, **form)
        assert events.count() > count
        assert fact.pk in events.latest("pk").memory_ids or fact.pk in events.order_by("-pk")[1].memory_ids


def test_public_page_has_a_conversation_without_saving(ada: User, client: Client, fact: Memory) -> None:
    url = f"/@{ada.handle}"
    page = ask(client, "What about giraffes and quartz?", ask(client, url=url), url=url)
    assert get_questions(page) == [QUESTION, "What about giraffes and quartz?"]
    for absent in ('name="save"', 'name="add"', "animals", str(fact.pk)):
        assert absent not in page
    ask(client, url=url, add="1", save="1", **{"missing-1": "The giraffe."})
    assert Memory.objects.count() == 1


# --- Saving ----------------------------------------------------------------------------------------------------


def test_generated_answer_is_saved_as_private_memory(
    ada_client: Client, fact: Memory, model: ModelServer
) -> None:
    model.says = ["It sleeps outside [1]."]
    before = ask(ada_client)
    page = ask(ada_client, "half a question", before, save="1")
    saved = Memory.objects.latest("pk")
    assert (saved.text, saved.visibility) == ("It sleeps outside.", "private")
    assert f'href="/memories/{saved.pk}/"' in page
    assert "half a question" in page
    assert get_questions(page) == [QUESTION]


def test_quotations_have_nothing_to_save(ada_client: Client, fact: Memory) -> None:
    before = ask(ada_client)
    assert 'name="save"' not in before
    assert "no longer in the conversation" in ask(ada_client, "", before, save="1")
    assert Memory.objects.count() == 1


@pytest.mark.parametrize("number", ["2", "99", "x", "-1"])
def test_answer_outside_the_conversation_is_not_saved(
    ada_client: Client, fact: Memory, model: ModelServer, number: str
) -> None:
    ask(ada_client, "", ask(ada_client), save=number)
    assert Memory.objects.count() == 1


def test_missing_memory_is_saved_and_the_question_asked_again(
    ada_client: Client, fact: Memory, index: Callable[[], int]
) -> None:
    before = ask(ada_client, "When does the quartz shop open?")
    assert "Which memory would help?" in before
    page = ask(ada_client, "", before, add="1", **{"missing-1": "The quartz shop does open at 9."})
    saved = Memory.objects.latest("pk")
    assert (saved.text, saved.visibility) == ("The quartz shop does open at 9.", "private")
    [again] = re.findall(r'name="example"\s+value="([^"]*)"', page)
    index()
    answered = ask(ada_client, "", page, example=again)
    assert get_questions(answered) == ["When does the quartz shop open?"] * 2
    assert "The quartz shop does open at 9." in answered


def test_missing_memory_with_an_error_stays_in_its_field(ada_client: Client, fact: Memory) -> None:
    before = ask(ada_client, "When does the quartz shop open?")
    typed = "quartz" * 1_500
    page = ask(ada_client, "", before, add="1", **{"missing-1": typed})
    assert typed in page
    assert "a memory can have at most 8,000" in page
    response = ada_client.post(
        ASK, {"conversation": get_conversation(before), "add": "1", "missing-1": " "}, headers=EVENTS
    )
    assert (response.status_code, get_event(response)["name"]) == (422, "error")


def test_saving_is_an_event_with_the_index_state(ada_client: Client, fact: Memory) -> None:
    before = ask(ada_client, "When does the quartz shop open?")
    form = {"conversation": get_conversation(before), "add": "1", "missing-1": "It opens at 9."}
    event = get_event(ada_client.post(ASK, form, headers=EVENTS))
    saved = Memory.objects.latest("pk")
    assert (event["name"], event["state"]) == ("saved", f"/memories/{saved.pk}/state/")


# --- Examples --------------------------------------------------------------------------------------------------


def test_empty_page_suggests_questions_from_own_memories(
    ada: User, ada_client: Client, bob_client: Client, client: Client, fact: Memory
) -> None:
    remember(ada, "My frequent traveller card is in the green wallet. <b>")
    page = ada_client.get(ASK).content.decode()
    assert "What do my memories say about “frequent traveller card”?" in page
    assert "What do my memories say about “animals”?" in page
    assert "Try a question" not in ask(ada_client)
    for stranger in (bob_client.get(ASK), client.get(f"/@{ada.handle}"), bob_client.get(f"/@{ada.handle}")):
        assert "Try a question" not in stranger.content.decode()


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Home insurance policy is in the folder.", "Home insurance policy"),
        ("I eat everything but peanuts, liver and coriander.", ""),
        ("My blood type is A positive.", "blood type"),
        ("The guest Wi-Fi is called hive.", "guest Wi-Fi"),
        ("", ""),
        ("walrus " * 100, ""),
    ],
)
def test_topic_is_a_series_of_content_words(text: str, topic: str) -> None:
    assert find_topic(text, get_language("en")) == topic
