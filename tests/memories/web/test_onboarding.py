"""The "Get started" steps, and the share target."""

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from memories.models import Memory
from memories.web.views.onboarding import EXAMPLES, ONBOARDING_LIMIT
from tests.factories import PASSWORD, remember

HTMX: dict[str, Any] = {"headers": {"hx-request": "true"}}
SHARE = "/memories/share/"


def get_steps(html: str) -> str:
    return html.split('id="first-steps"', 1)[1].split("</section>", 1)[0]


def get_current_step(html: str) -> str:
    """Return the name of the next step, empty if no steps are shown."""
    match = re.search(r'data-step="(\w+)"', html)
    return match[1] if match else ""


def get_page(client: Client, address: str = "/memories/", **extra: Any) -> str:
    return client.get(address, **extra).content.decode()


# --- Get started --------------------------------------------------------------------------------------------


def test_steps_are_save_find_and_connect(ada: User, ada_client: Client, index: Callable[[], int]) -> None:
    assert get_current_step(get_page(ada_client)) == "keep"
    remember(ada, "The zebra lives next door.")
    index()
    assert get_current_step(get_page(ada_client)) == "find"
    assert get_current_step(get_page(ada_client, "/memories/?q=quartz")) == "find"
    assert get_current_step(get_page(ada_client, "/memories/?q=zebra")) == "connect"
    assert get_current_step(get_page(ada_client)) == "connect"


def test_response_to_completed_step_contains_next_step(ada_client: Client) -> None:
    saved = ada_client.post("/memories/new/", {"text": str(EXAMPLES[0].text)}, **HTMX).content.decode()
    assert get_current_step(saved) == "find"
    assert str(EXAMPLES[0].question) in get_steps(saved)
    found = get_page(ada_client, "/memories/?q=hazelnuts", **HTMX)
    assert get_current_step(found) == "connect"
    assert 'id="first-steps"' not in get_page(ada_client, "/memories/?q=hazelnuts", **HTMX)


def test_skipped_steps_stay_hidden(ada: User, ada_client: Client) -> None:
    response = ada_client.post("/memories/first-steps/hide/")
    assert response["Location"] == "/memories/"
    html = get_page(ada_client)
    assert get_current_step(html) == ""
    assert "No memories yet" in html
    ada.refresh_from_db()
    assert ada.first_steps_hidden


def test_steps_are_hidden_from_user_with_enough_memories(ada: User, ada_client: Client) -> None:
    for number in range(ONBOARDING_LIMIT):
        remember(ada, f"Thing {number}.")
    assert get_current_step(get_page(ada_client)) == ""


def test_example_fills_form_without_javascript(ada_client: Client) -> None:
    example = re.search(r'<button name="text" value="([^"]+)"', get_steps(get_page(ada_client)))
    assert example is not None
    filled = ada_client.post(SHARE, {"text": example[1]}).content.decode()
    assert f"{example[1]}</textarea>" in filled
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
def test_shared_text_fills_form_without_saving(ada_client: Client, shared: dict[str, str], text: str) -> None:
    response = ada_client.post(SHARE, shared, headers={"sec-fetch-site": "none"})
    html = response.content.decode()
    assert f"{text}</textarea>" in html
    assert "Not saved yet" in html
    assert "no-store" in response["Cache-Control"]
    assert Memory.objects.count() == 0


def test_text_shared_before_login_is_offered_after_login(ada: User, client: Client) -> None:
    response = client.post(SHARE, {"text": "Remember the milk."}, headers={"sec-fetch-site": "none"})
    assert response["Location"] == f"{reverse('account_login')}?next={SHARE}"
    cookie = response.cookies["picard_shared"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (SHARE, True, "Lax")
    assert "milk" not in cookie.value
    form = {"login": ada.email, "password": PASSWORD, "next": SHARE}
    assert client.post(reverse("account_login"), form)["Location"] == SHARE
    assert "Remember the milk.</textarea>" in get_page(client, SHARE)
    assert client.get(SHARE)["Location"] == reverse("memories:new")


@pytest.mark.parametrize(
    "text", ["Remember the milk.", "\N{BEETLE}" * 3_000, "".join(map(chr, range(200, 9_000)))]
)
def test_nothing_is_stored_for_anonymous_users(text: str, ada: User, client: Client) -> None:
    response = client.post(SHARE, {"text": text}, headers={"sec-fetch-site": "none"})
    assert not Session.objects.exists()
    assert sum(len(cookie.output()) for cookie in response.cookies.values()) < 4_096
    if response.status_code == 302:
        client.force_login(ada)
        assert f"{text}</textarea>" in get_page(client, SHARE)


def test_long_text_waits_in_the_page_until_the_user_has_logged_in(ada: User, client: Client) -> None:
    text = "".join(map(chr, range(200, 9_000)))
    page = client.post(SHARE, {"text": text}, headers={"sec-fetch-site": "none"})
    html = page.content.decode()
    assert f"{text}</textarea>" in html
    assert f'href="{reverse("account_login")}?next={SHARE}"' in html
    assert "no-store" in page["Cache-Control"]
    client.force_login(ada)  # in another tab
    response = client.post(SHARE, {"text": text}, headers={"sec-fetch-site": "same-origin"})
    assert f"{text}</textarea>" in response.content.decode()


@pytest.mark.parametrize("cookie", ["x", "é", "A" * 3_000, base64.urlsafe_b64encode(bytes(60)).decode()])
def test_forged_cookie_is_ignored(cookie: str, ada_client: Client) -> None:
    ada_client.cookies["picard_shared"] = cookie
    assert ada_client.get(SHARE)["Location"] == reverse("memories:new")


@pytest.mark.parametrize(
    "sent",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"origin": "https://evil.example"},  # of a browser without Sec-Fetch-Site
        {"origin": "http://testserver.evil.example"},
        {"origin": "https://testserver"},
        {"origin": "null"},
        {"origin": ""},
    ],
)
def test_share_from_another_site_is_rejected(
    sent: dict[str, str], ada_client: Client, client: Client
) -> None:
    for visitor in (ada_client, client):
        response = visitor.post(SHARE, {"text": "Buy this."}, headers=sent)
        assert response.status_code == 403
        assert "Buy this" not in response.content.decode()
        assert not response.cookies.keys() & {"picard_session", "picard_shared"}


@pytest.mark.parametrize("sent", [{}, {"origin": "http://testserver"}, {"origin": "http://127.0.0.1:8000"}])
def test_share_from_this_site_or_the_device_is_accepted(
    sent: dict[str, str], ada_client: Client, settings: Settings
) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert ada_client.post(SHARE, {"text": "Buy milk."}, headers=sent).status_code == 200
