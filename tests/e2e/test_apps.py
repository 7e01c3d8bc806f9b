"""Test an app in the developer console, then pause and disconnect it, in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from oauth.models import AppGrant
from tests.e2e.test_first_walk import _add_memory, _sign_up

pytestmark = pytest.mark.browser


def test_app_is_registered_tested_paused_and_disconnected(page: Page) -> None:
    """Include the redirects of a real consent, which the content security policy must allow."""
    page.set_viewport_size({"width": 1280, "height": 900})
    _sign_up(page)
    _add_memory(page, "I like tea.")
    page.goto("/developer/")
    page.get_by_label("Name").fill("Weather")
    page.get_by_label("Redirect URLs").fill("https://weather.example.org/callback")
    page.get_by_label("Public client (cannot keep a secret)").check()
    page.get_by_role("button", name="Register").click()
    page.get_by_role("link", name="Test this app").click()
    page.get_by_role("button", name="Add redirect URL").click()
    page.get_by_role("button", name="Request authorization").click()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("button", name="Redeem code").click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    page.get_by_label("Call").select_option(label="List three memories")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Response", exact=True)).to_contain_text("I like tea.")

    page.goto("/accounts/apps/")
    page.get_by_role("link", name="Weather").click()
    expect(page.locator(".acts")).to_contain_text("I like tea.")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("h1 .chip")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    page.locator(".actions summary", has_text="Disconnect").click()
    page.get_by_role("button", name="Disconnect").click()
    expect(page).to_have_url(re.compile("/accounts/apps/$"))
    expect(page.get_by_text("No connected apps")).to_be_visible()
    assert not AppGrant.objects.exists()
