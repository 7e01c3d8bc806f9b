"""Review of an app's changes and of memories extracted from a conversation, in a browser."""

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from memories.models import Memory
from tests.e2e.accessibility import check_page
from tests.e2e.test_first_walk import _sign_up
from tests.model_server import ModelServer
from tests.oauth.flows import REDIRECT, App, make_app
from tests.processes import serving

pytestmark = pytest.mark.browser


def test_app_writes_and_extracted_memories_need_approval(
    browser: Browser, model: ModelServer, shared_db: None
) -> None:
    model.says = [json.dumps(["I like sweet peas.", "אני גרה בלונדון 🌧️"])]
    # The same embedding provider as the other server on this database.
    with serving(EMBEDDING_PROVIDER="local", **model.chat_variables) as site:
        # Without colour transitions, during which axe would measure the contrast.
        context = browser.new_context(
            base_url=site, viewport={"width": 390, "height": 844}, locale="en", reduced_motion="reduce"
        )
        context.route(f"{REDIRECT}*", lambda route: route.fulfill(body="Back at the app."))
        page = context.new_page()
        _sign_up(page)
        _check_page(page, "/memories/review/")
        token = _get_access_token(page, site, make_app("Notes", is_public=True))
        written = httpx.post(
            f"{site}/api/v1/memories/",
            json={"text": "Ada likes https://example.org/" + "long/" * 60},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert written.status_code == httpx.codes.ACCEPTED

        _check_page(page, "/memories/extract/")
        page.get_by_label("Conversation").fill("Me: I like sweet peas, and live in London.")
        page.get_by_role("button", name="Extract memories").click()
        expect(page.get_by_text("2 memories found.")).to_be_visible()
        _check_page(page)
        assert not Memory.objects.exists()

        page.get_by_role("textbox", name="Text 1").fill("I love sweet peas.")
        page.locator(".proposal", has_text="by the app Notes").get_by_role("checkbox").uncheck()
        page.get_by_role("button", name="Approve selected").click()
        expect(page.get_by_text("Saved 2 memories.")).to_be_visible()
        page.locator(".proposal").get_by_role("button", name="Decline").click()
        expect(page.get_by_text("Nothing to review")).to_be_visible()
        context.close()
    saved = {(memory.text, memory.source, memory.visibility) for memory in Memory.objects.all()}
    assert {visibility for _text, _source, visibility in saved} == {"private"}
    assert "I love sweet peas." in {text for text, _source, _visibility in saved}
    assert {source for _text, source, _visibility in saved} == {"web"}


def _get_access_token(page: Page, site: str, app: App) -> str:
    """Connect an app whose changes need approval, and return its access token."""
    params = app.request(resource=f"{site}/api")
    page.goto(f"/oauth/authorize/?{urlencode(params)}")
    page.get_by_label("Require my approval for its changes").check()
    _check_page(page)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{REDIRECT}*")
    [code] = parse_qs(urlsplit(page.url).query)["code"]
    form = {
        "grant_type": "authorization_code",
        "client_id": app.application.client_id,
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": app.verifier,
    }
    response = httpx.post(f"{site}/oauth/token/", data=form)
    token: str = response.raise_for_status().json()["access_token"]
    return token


def _check_page(page: Page, address: str = "") -> None:
    """Check for axe violations in both themes, and for overflow at phone width."""
    if address:
        page.goto(address)
    check_page(page)
