"""What a newcomer is shown, and what is shared from other apps of the device."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from memories.models import Memory
from memories.web.views.onboarding import EXAMPLES, ONBOARDING_LIMIT
from tests.factories import PASSWORD, load_sessions, remember

HTMX: dict[str, Any] = {"headers": {"hx-request": "true"}}
SHARE = "/memories/share/"


def steps(html: str) -> str:
    return html.split('id="first-steps"', 1)[1].split("</ol>", 1)[0]


def current(html: str) -> str:
    """The headline of the step that comes next, empty when no steps are shown."""
    found = re.search(r'aria-current="step".*?<h3>(.*?)</h3>', html, re.DOTALL)
    return found[1].split("<span")[0].strip() if found else ""


def page(client: Client, address: str = "/memories/", **how: Any) -> str:
    return client.get(address, **how).content.decode()


# --- First steps --------------------------------------------------------------------------------------------


def test_a_newcomer_keeps_then_finds_then_connects(
    ada: User, ada_client: Client, index: Callable[[], int]
) -> None:
    assert current(page(ada_client)) == "Save a memory"
    remember(ada, "The zebra lives next door.")
    index()
    assert current(page(ada_client)) == "Find it"
    assert current(page(ada_client, "/memories/?q=quartz")) == "Find it"
    assert current(page(ada_client, "/memories/?q=zebra")) == "Connect an app"
    assert current(page(ada_client)) == "Connect an app"


def test_the_next_step_comes_with_what_was_done(ada_client: Client) -> None:
    kept = ada_client.post("/memories/new/", {"text": str(EXAMPLES[0].text)}, **HTMX).content.decode()
    assert current(kept) == "Find it"
    assert str(EXAMPLES[0].question) in steps(kept)
    found = page(ada_client, "/memories/?q=hazelnuts", **HTMX)
    assert current(found) == "Connect an app"
    assert 'id="first-steps"' not in page(ada_client, "/memories/?q=hazelnuts", **HTMX)


def test_steps_are_skipped_for_good(ada: User, ada_client: Client) -> None:
    response = ada_client.post("/memories/first-steps/hide/")
    assert response["Location"] == "/memories/"
    html = page(ada_client)
    assert current(html) == ""
    assert "No memories yet" in html
    ada.refresh_from_db()
    assert ada.first_steps_hidden


def test_who_has_memories_enough_is_shown_no_steps(ada: User, ada_client: Client) -> None:
    for number in range(ONBOARDING_LIMIT):
        remember(ada, f"Thing {number}.")
    assert current(page(ada_client)) == ""


def test_an_idea_fills_the_form_without_a_script(ada_client: Client) -> None:
    idea = re.search(r'<button name="text" value="([^"]+)"', steps(page(ada_client)))
    assert idea is not None
    filled = ada_client.post(SHARE, {"text": idea[1]}).content.decode()
    assert f"{idea[1]}</textarea>" in filled
    assert Memory.objects.count() == 0


# --- Sharing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared", "text"),
    [
        ({"text": "A thought."}, "A thought."),
        ({"title": "News", "url": "https://example.org/a"}, "News\nhttps://example.org/a"),
        (
            {"title": "News", "text": "Look: https://example.org/a", "url": "https://example.org/a"},
            "News\nLook: https://example.org/a",
        ),
        ({"title": "<b>", "text": " "}, "&lt;b&gt;"),
    ],
)
def test_what_is_shared_fills_the_form_and_is_not_kept(
    ada_client: Client, shared: dict[str, str], text: str
) -> None:
    response = ada_client.post(SHARE, shared, headers={"sec-fetch-site": "none"})
    html = response.content.decode()
    assert f"{text}</textarea>" in html
    assert "Not saved yet" in html
    assert "no-store" in response["Cache-Control"]
    assert Memory.objects.count() == 0


def test_what_a_visitor_shares_waits_until_they_are_logged_in(ada: User, client: Client) -> None:
    response = client.post(SHARE, {"text": "Remember the milk."}, headers={"sec-fetch-site": "none"})
    assert response["Location"] == f"{reverse('account_login')}?next={SHARE}"
    stored = str(load_sessions())
    assert "shared" in stored
    assert "milk" not in stored
    form = {"login": ada.email, "password": PASSWORD, "next": SHARE}
    assert client.post(reverse("account_login"), form)["Location"] == SHARE
    assert "Remember the milk.</textarea>" in page(client, SHARE)
    assert client.get(SHARE)["Location"] == reverse("memories:new")


def test_another_site_cannot_share_in_a_persons_name(ada_client: Client, client: Client) -> None:
    for sender in ("cross-site", "same-site"):
        for visitor in (ada_client, client):
            response = visitor.post(SHARE, {"text": "Buy this."}, headers={"sec-fetch-site": sender})
            assert response.status_code == 403
            assert not response.cookies.get("picard_session")
