"""The Ask page and public persona pages."""

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

FACT = "The zebra sleeps in the garden."
QUESTION = "Where does the zebra sleep?"
HOSTILE = (
    'The zebra sleeps <script>alert(1)</script> ![x](https://evil.example/x) [y](javascript:alert(1)) "><b>'
)


def ask(client: Client, address: str = "/memories/ask/", question: str = QUESTION, **more: Any) -> str:
    response = client.post(address, {"question": question, **more})
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def public_ada(ada: User) -> User:
    ada.persona_enabled = ada.public_page_enabled = True
    ada.save()
    return ada


def test_answer_links_its_sources(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    memory = remember(ada, FACT)
    index()
    html = ask(ada_client)
    assert FACT in html
    assert "includes private" in html
    assert f'href="/memories/{memory.pk}/"' in html


def test_unanswerable_question_shows_message(ada_client: Client) -> None:
    assert "No memory answers that." in ask(ada_client)


def test_other_persona_answers_from_public_memories(
    public_ada: User, bob_client: Client, index: Callable[[], int]
) -> None:
    memory = remember(public_ada, FACT, visibility="public")
    remember(public_ada, "The zebra sleeps: canary.")
    index()
    for whom in (public_ada.handle, f" @{public_ada.handle.upper()} "):
        html = ask(bob_client, whom=whom)
        assert FACT in html
        assert "public memories only" in html
        assert "canary" not in html
        assert str(memory.pk) not in html


@pytest.mark.parametrize("whom", ["nobody-at-all", "\0", "@@", "{ada}"])
def test_missing_and_disabled_personas_get_same_error(ada: User, bob_client: Client, whom: str) -> None:
    response = bob_client.post("/memories/ask/", {"question": QUESTION, "whom": whom.format(ada=ada.handle)})
    assert response.status_code == 422
    assert "No persona has this handle." in response.content.decode()


def test_blank_question_shows_field_error(ada_client: Client) -> None:
    response = ada_client.post("/memories/ask/", {"question": " "})
    assert response.status_code == 422
    assert "Enter a question." in response.content.decode().split('id="id_question_error"')[1]


def test_quotes_and_question_are_escaped(
    public_ada: User, ada_client: Client, client: Client, index: Callable[[], int]
) -> None:
    remember(public_ada, HOSTILE, visibility="public")
    index()
    question = f"<b>{QUESTION}</b>"
    for html in (ask(ada_client, question=question), ask(client, f"/@{public_ada.handle}", question)):
        assert escape(HOSTILE) in html
        assert escape(question) in html
        for markup in ("<script>alert", "<b>", 'href="javascript', 'src="https://evil'):
            assert markup not in html


def test_ask_page_requires_login(client: Client) -> None:
    assert client.get("/memories/ask/")["Location"].startswith("/accounts/login/")


def test_question_in_url_is_ignored(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    remember(ada, FACT)
    index()
    assert FACT not in ada_client.get("/memories/ask/", {"question": QUESTION}).content.decode()


# --- Public page ---------------------------------------------------------------------------------------------


def test_public_page_answers_from_public_memories(
    public_ada: User, client: Client, index: Callable[[], int]
) -> None:
    remember(public_ada, FACT, visibility="public")
    remember(public_ada, "The zebra sleeps: canary.")
    index()
    html = ask(client, f"/@{public_ada.handle}")
    assert FACT in html
    assert "canary" not in html


def test_public_page_shows_owner_what_anonymous_users_see(
    public_ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    remember(public_ada, "The zebra sleeps: canary.")
    index()
    assert "No memory answers that." in ask(ada_client, f"/@{public_ada.handle}")
    assert not AuditEvent.objects.exclude(actor_id=public_ada.pk).filter(action="persona:ask").exists()


@pytest.mark.parametrize(
    "changes", [{"persona_enabled": False}, {"public_page_enabled": False}, {"is_active": False}]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_disabled_and_missing_public_pages_return_same_404(
    public_ada: User, client: Client, changes: dict[str, bool], method: str
) -> None:
    User.objects.filter(pk=public_ada.pk).update(**changes)
    handles = (public_ada.handle, "nobody-at-all")
    disabled, missing = (getattr(client, method)(f"/@{handle}") for handle in handles)
    assert disabled.status_code == missing.status_code == 404
    assert normalize_response(disabled, handles[0]) == normalize_response(missing, handles[1])


@pytest.mark.parametrize("path", ["/@{}/", "/@{}".upper(), "/@nobody-at-all/"])
def test_handle_with_capitals_or_trailing_slash_redirects(
    path: str, public_ada: User, client: Client
) -> None:
    handle = "nobody-at-all" if "nobody" in path else public_ada.handle
    response = client.get(path.format(handle.capitalize()))
    assert (response.status_code, response.headers["Location"]) == (301, f"/@{handle}")


def test_new_account_has_no_public_page(ada: User, client: Client) -> None:
    assert client.get(f"/@{ada.handle}").status_code == 404


def test_public_page_is_rate_limited(public_ada: User, client: Client, settings: Settings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 3
    responses = [client.get(f"/@{public_ada.handle}") for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert int(responses[-1]["Retry-After"]) > 0


def test_profile_turns_public_page_on_and_off(ada: User, ada_client: Client, client: Client) -> None:
    form = {"handle": ada.handle, "time_zone": "UTC", "persona_enabled": "on", "public_page_enabled": "on"}
    ada_client.post("/accounts/profile/", form)
    assert client.get(f"/@{ada.handle}").status_code == 200
    ada_client.post("/accounts/profile/", {**form, "public_page_enabled": ""})
    assert client.get(f"/@{ada.handle}").status_code == 404


def normalize_response(response: Any, handle: str) -> tuple[bytes, dict[str, str]]:
    """Remove what differs between any two requests: handle, CSRF token and request ID."""
    body = re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", response.content)
    headers = {
        name: value for name, value in response.items() if name not in ("X-Request-ID", "Content-Length")
    }
    for value in (handle, response["X-Request-ID"]):
        body = body.replace(value.encode(), b"")
    return body, headers


# --- Generated answers ------------------------------------------------------------------------------------------


def test_generated_answer_is_in_page_without_javascript(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer
) -> None:
    remember(ada, FACT)
    index()
    model.says = ["In <b>the", "</b> garden, 1 &lt; 2 [1]"]
    page = ask(ada_client)
    assert 'In the garden, 1 &lt; 2 <a href="#source-1-1">[1]</a>' in page
    assert 'id="source-1-1"' in page
    assert page.count("</html>") == 1
    assert "A chat model on this machine generates answers" in page


def test_event_stream_sends_text_then_answer_html(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer
) -> None:
    remember(ada, FACT)
    index()
    headers = {"Accept": "text/event-stream"}
    for _again in range(2):  # the first answer is held until it is known that it is no reasoning
        response = ada_client.post("/memories/ask/", {"question": QUESTION}, headers=headers)
    first, *_, last = response.content.decode().strip().split("\n\n")
    assert first == 'event: text\ndata: {"text":"Peanuts"}'
    assert last.startswith("event: answer")
    assert "source-1-1" in last


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream"])
def test_streamed_answer_uses_users_time_zone(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer, accept: str
) -> None:
    """The server sends it after the request's time zone was reset."""
    remember(ada, FACT)
    index()
    Memory.objects.update(created_at=datetime(2026, 3, 1, 2, tzinfo=UTC))
    User.objects.update(time_zone="America/Los_Angeles")
    deferred: list[deferred_responses.Body] = []
    environ: Any = {deferred_responses.DEFERRED_KEY: deferred}
    ada_client.post("/memories/ask/", {"question": QUESTION}, headers={"Accept": accept}, **environ)
    [body] = deferred
    sent = asyncio.run(deferred_responses._collect_body(body)).decode()
    assert "28 Feb 2026" in sent
    assert "1 Mar 2026" not in sent


def test_failing_chat_model_falls_back_to_extractive_answer(
    ada: User, ada_client: Client, index: Callable[[], int], model: ModelServer
) -> None:
    remember(ada, FACT)
    index()
    model.mood = Mood.FAILING
    html = ask(ada_client)
    assert FACT in html
    assert "A provider did not answer as expected" in html


def test_profile_names_remote_chat_model_and_saves_consent(
    ada: User, ada_client: Client, settings: Settings
) -> None:
    assert "words_my_answers" not in ada_client.get("/accounts/profile/").content.decode()
    settings.CHAT = ChatSettings(model="m", base_url="https://models.example/v1")
    html = ada_client.get("/accounts/profile/").content.decode()
    assert "Allow models.example to generate answers from my memories" in html
    form = {"handle": ada.handle, "time_zone": "UTC", "words_my_answers": "on"}
    for data, provider in ((form, "models.example"), ({**form, "words_my_answers": ""}, "")):
        ada_client.post("/accounts/profile/", data)
        ada.refresh_from_db()
        assert ada.chat_provider == provider
