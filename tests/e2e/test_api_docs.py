"""The API documentation viewer in a browser."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_viewer_follows_color_scheme(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/api/docs/")
    expect(page.get_by_role("heading", name="Picard")).to_be_visible()
    expect(page.locator("html")).to_have_class("dark-mode")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_class("")
