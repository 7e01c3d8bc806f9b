"""Saved filters and Markdown texts in a browser, at phone and desktop width."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import run_axe
from tests.e2e.test_first_walk import _add_memory, _sign_up

pytestmark = pytest.mark.browser
WIDTHS = {"phone": 390, "desktop": 1280}


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_filter_is_saved_used_and_deleted(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    _sign_up(page)
    _add_memory(page, "Tea on Sundays.")
    page.goto("/memories/?q=tea")
    page.get_by_text("Save filter").click()
    _expect_no_violation(page)
    page.get_by_label("Filter name").fill("All about tea")
    page.locator(".save-filter").get_by_role("button", name="Save").click()
    page.goto("/memories/")
    _expect_no_violation(page)
    page.get_by_role("link", name="All about tea").click()
    expect(page.locator("#q")).to_have_value("tea")
    page.get_by_role("button", name="Delete filter “All about tea”").click()
    expect(page.get_by_role("link", name="All about tea")).to_have_count(0)

    page.goto("/memories/new/")
    page.locator("main textarea[name=text]").fill(
        "# Trip\n- *pack*\n- [map](https://example.org)\n\n> slowly\n\n`a = 1`"
    )
    page.get_by_role("button", name="Save").click()
    page.locator(".memory .memory-text").first.click()
    page.get_by_role("link", name="All details").click()
    expect(page.locator(".marked li").first).to_have_text("pack")
    _expect_no_violation(page)


def _expect_no_violation(page: Page) -> None:
    results = run_axe(page)
    assert results.response["violations"] == [], results.generate_report()
