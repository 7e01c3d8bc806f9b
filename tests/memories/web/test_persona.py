"""The Ask page, and the page that a person opens to everybody."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from accounts.models import User
from core import deferred_responses
from memories.models import AuditEvent, Memory
from memories.providers.chat_settings import ChatSettings
from tests.factories import remember
from tests.model_server import ModelServer, Mood

pytestmark = pytest.mark.django_db

TRUTH = "The zebra sleeps in the garden."
QUESTION = "Where does the zebra sleep?"
HOSTILE = (
    'The zebra sleeps <script>alert(1)</script> ![x](https://evil.example/x) [y](javascript:alert(1)) "><b>'
)


def asked(client: Client, address: str = "/memories/ask/", question: str = QUESTION, **more: Any) -> str:
    response = client.post(address, {"question": question, **more})
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def open_ada(ada: User) -> User:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    return ada


def test_an_answer_shows_its_sources_and_where_they_open(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    memory = remember(ada, TRUTH)
    index()
    html = asked(ada_client)
    assert TRUTH in html
    assert "includes private" in html
    assert f'href="/memories/{memory.pk}/"' in html


def test_without_an_answer_it_says_so(ada_client: Client) -> None:
    assert "No memory answers that." in asked(ada_client)


def test_another_person_is_asked_by_handle_and_answers_what_is_public(
    open_ada: User, bob_client: Client, index: Callable[[], int]
) -> None:
    memory = remember(open_ada, TRUTH, visibility="public")
    remember(open_ada, "The zebra sleeps: canary.")
    index()
    for whom in (open_ada.handle, f" @{open_ada.handle.upper()} "):
        html = asked(bob_client, whom=whom)
        assert TRUTH in html
        assert "public memories only" in html
        assert "canary" not in html
        assert str(memory.pk) not in html


@pytest.mark.parametrize("whom", ["nobody-at-all", "\0", "@@", "{ada}"])
def test_who_cannot_be_asked_is_answered_alike(ada: User, bob_client: Client, whom: str) -> None:
    response = bob_client.post("/memories/ask/", {"question": QUESTION, "whom": whom.format(ada=ada.handle)})
    assert response.status_code == 422
    assert "Nobody of this handle can be asked." in response.content.decode()


def test_a_blank_question_is_refused_beside_its_field(ada_client: Client) -> None:
    response = ada_client.post("/memories/ask/", {"question": " "})
    assert response.status_code == 422
    assert "Enter a question." in response.content.decode().split('id="id_question_error"')[1]


def test_what_is_quoted_is_text_never_markup(
    open_ada: User, ada_client: Client, client: Client, index: Callable[[], int]
) -> None:
    remember(open_ada, HOSTILE, visibility="public")
    index()
    question = f"<b>{QUESTION}</b>"
    for html in (asked(ada_client, question=question), asked(client, f"/@{open_ada.handle}", question)):
        assert escape(HOSTILE) in html
        assert escape(question) in html
        for markup in ("<script>alert", "<b>", 'href="javascript', 'src="https://evil'):
            assert markup not in html


def test_asking_is_for_who_is_signed_in(client: Client) -> None:
    assert client.get("/memories/ask/")["Location"].startswith("/accounts/login/")


def test_questions_stand_in_no_address(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    remember(ada, TRUTH)
    index()
    assert TRUTH not in ada_client.get("/memories/ask/", {"question": QUESTION}).content.decode()


# --- The page for everybody ----------------------------------------------------------------------------------


def test_a_visitor_is_answered_from_what_is_public(
    open_ada: User, client: Client, index: Callable[[], int]
) -> None:
    remember(open_ada, TRUTH, visibility="public")
    remember(open_ada, "The zebra sleeps: canary.")
    index()
    html = asked(client, f"/@{open_ada.handle}")
    assert TRUTH in html
    assert "canary" not in html


def test_to_its_owner_too_the_page_shows_what_a_visitor_sees(
    open_ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    remember(open_ada, "The zebra sleeps: canary.")
    index()
    assert "No memory answers that." in asked(ada_client, f"/@{open_ada.handle}")
    assert not AuditEvent.objects.exclude(actor_id=open_ada.pk).filter(action="persona:ask").exists()


@pytest.mark.parametrize(
    "closed", [{"persona_enabled": False}, {"public_page_enabled": False}, {"is_active": False}]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_that_is_not_open_is_as_one_that_is_not_there(
    open_ada: User, client: Client, closed: dict[str, bool], method: str
) -> None:
    User.objects.filter(pk=open_ada.pk).update(**closed)
    handles = (open_ada.handle, "nobody-at-all")
    forbidden, absent = (getattr(client, method)(f"/@{handle}") for handle in handles)
    assert forbidden.status_code == absent.status_code == 404
    assert _same(forbidden, handles[0]) == _same(absent, handles[1])


@pytest.mark.parametrize("typed", ["/@{}/", "/@{}".upper(), "/@nobody-at-all/"])
def test_capitals_and_a_last_slash_lead_to_the_one_address(
    typed: str, open_ada: User, client: Client
) -> None:
    handle = "nobody-at-all" if "nobody" in typed else open_ada.handle
    answer = client.get(typed.format(handle.capitalize()))
    assert (answer.status_code, answer.headers["Location"]) == (301, f"/@{handle}")


def test_a_new_account_has_no_page(ada: User, client: Client) -> None:
    assert client.get(f"/@{ada.handle}").status_code == 404


def test_one_address_cannot_ask_without_end(open_ada: User, client: Client, settings: Settings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 3
    answers = [client.get(f"/@{open_ada.handle}") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_the_profile_opens_and_closes_the_page(ada: User, ada_client: Client, client: Client) -> None:
    form = {"handle": ada.handle, "time_zone": "UTC", "persona_enabled": "on", "public_page_enabled": "on"}
    ada_client.post("/accounts/profile/", form)
    assert client.get(f"/@{ada.handle}").status_code == 200
    ada_client.post("/accounts/profile/", {**form, "public_page_enabled": ""})
    assert client.get(f"/@{ada.handle}").status_code == 404


def _same(answer: Any, handle: str) -> tuple[bytes, dict[str, str]]:
    """Without what any two requests differ in: the address, the form token, the request id."""
    body = re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", answer.content)
    headers = {
        name: value for name, value in answer.items() if name not in ("X-Request-ID", "Content-Length")
    }
    for differs in (handle, answer["X-Request-ID"]):
        body = body.replace(differs.encode(), b"")
    return body, headers


# --- Worded by a chat model -------------------------------------------------------------------------------------


def test_without_scripts_the_worded_answer_is_on_the_page(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer
) -> None:
    remember(ada, TRUTH)
    index()
    model.says = ["In <b>the", "</b> garden [1]"]
    page = asked(ada_client)
    assert 'In &lt;b&gt;the&lt;/b&gt; garden <a href="#source-1">[1]</a>' in page
    assert 'id="source-1"' in page
    assert page.count("</html>") == 1
    assert "A chat model on this machine generates answers" in page


def test_events_hold_words_and_then_the_answer_as_html(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer
) -> None:
    remember(ada, TRUTH)
    index()
    headers = {"Accept": "text/event-stream"}
    response = ada_client.post("/memories/ask/", {"question": QUESTION}, headers=headers)
    first, *_, last = response.content.decode().strip().split("\n\n")
    assert first == 'event: text\ndata: {"text":"Peanuts"}'
    assert last.startswith("event: answer")
    assert "source-1" in last


@pytest.mark.parametrize("accepts", ["text/html", "text/event-stream"])
def test_an_answer_that_comes_later_is_in_its_askers_time_zone(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer, accepts: str
) -> None:
    """The front sends it when the request's zone is the thread's no more."""
    remember(ada, TRUTH)
    index()
    Memory.objects.update(created_at=datetime(2026, 3, 1, 2, tzinfo=UTC))
    User.objects.update(time_zone="America/Los_Angeles")
    lent: list[deferred_responses.Body] = []
    by_the_front: Any = {deferred_responses.DEFERRED_KEY: lent}
    ada_client.post("/memories/ask/", {"question": QUESTION}, headers={"Accept": accepts}, **by_the_front)
    [body] = lent
    sent = asyncio.run(deferred_responses._collect_body(body)).decode()
    assert "28 Feb 2026" in sent
    assert "1 Mar 2026" not in sent


def test_when_the_chat_model_fails_the_page_shows_the_memories_and_says_so(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer
) -> None:
    remember(ada, TRUTH)
    index()
    model.mood = Mood.FAILING
    html = asked(ada_client)
    assert TRUTH in html
    assert "A provider is not responding" in html


def test_a_hosted_chat_model_is_named_and_asked_for_on_the_profile(
    ada: User, ada_client: Client, settings: Settings
) -> None:
    assert "words_my_answers" not in ada_client.get("/accounts/profile/").content.decode()
    settings.CHAT = ChatSettings(model="m", base_url="https://models.example/v1")
    html = ada_client.get("/accounts/profile/").content.decode()
    assert "Let models.example read my texts and word my answers" in html
    said = {"handle": ada.handle, "time_zone": "UTC", "words_my_answers": "on"}
    for given, kept in ((said, "models.example"), ({**said, "words_my_answers": ""}, "")):
        ada_client.post("/accounts/profile/", given)
        ada.refresh_from_db()
        assert ada.chat_provider == kept
