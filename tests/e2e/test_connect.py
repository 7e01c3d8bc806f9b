"""Connecting an app in a browser, with and without JavaScript."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from tests.e2e.accessibility import check_page
from tests.e2e.test_first_walk import _sign_up
from tests.oauth.flows import access_token, allow, make_app

pytestmark = pytest.mark.browser


def test_page_shows_connected_after_first_request(page: Page, site: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    _sign_up(page)
    page.goto("/connect/")
    page.get_by_role("link", name="Cursor", exact=True).click()
    expect(page.locator("#copied")).to_contain_text(f"{site}/mcp")
    page.get_by_role("button", name="Copy").click()
    assert f"{site}/mcp" in page.evaluate("navigator.clipboard.readText()")
    expect(page.get_by_role("link", name="Add to Cursor")).to_be_visible()
    expect(page.get_by_text("Waiting for the first request")).to_be_visible()
    check_page(page)
    token = access_token(User.objects.get(), make_app("Cursor"), resource=[f"{site}/mcp"])
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    call = {"params": {"name": "add_memory", "arguments": {"text": "I like tea."}}}
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    assert httpx.post(f"{site}/mcp", json=message | call, headers=headers).status_code == 200
    expect(page.get_by_text("Cursor last used your memories")).to_be_visible()
    expect(page.get_by_text("Waiting for the first request")).to_have_count(0)
    check_page(page)


def test_connect_page_works_without_javascript(page: Page, browser: Browser, site: str) -> None:
    _sign_up(page)
    context = browser.new_context(
        base_url=site, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain_page = context.new_page()
    plain_page.goto("/connect/?client=claude-code")
    expect(plain_page.locator("#copied")).to_have_text(f"claude mcp add --transport http picard {site}/mcp")
    expect(plain_page.get_by_role("button", name="Copy")).to_be_hidden()
    plain_page.get_by_role("link", name="Check again").click()
    expect(plain_page.get_by_text("Waiting for the first request")).to_be_visible()
    context.close()


def test_long_name_of_an_app_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    _sign_up(page)
    allow(User.objects.get(), make_app("x" * 80))
    page.goto("/accounts/apps/")
    app = page.locator("main").get_by_role("link", name="x" * 80).get_attribute("href") or ""
    for url in ("/accounts/apps/", app, "/connect/"):
        page.goto(url)
        expect(page.locator("main").get_by_text("x" * 80).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), url
