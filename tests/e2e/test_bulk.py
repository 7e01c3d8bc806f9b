"""Similar memories, bulk actions and tags in a browser, at phone and desktop width."""

import pytest
from playwright.sync_api import Page, expect

from memories.models import Memory
from tests.e2e.accessibility import run_axe
from tests.e2e.test_first_walk import _add_memory, _sign_up

pytestmark = pytest.mark.browser
WIDTHS = {"phone": 390, "desktop": 1280}


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_similar_memories_are_merged_and_bulk_actions_apply(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    _sign_up(page)
    _add_memory(page, "My dentist is Dr. Novak on Main Street.", tags="health")
    _add_memory(page, "The train to Graz leaves at nine.", tags="travel")
    _add_memory(page, "I play the violin every Sunday.")
    _add_memory(page, "Dr. Novak on Main Street is my dentist.", tags="doctors")
    page.goto("/memories/")
    page.locator("textarea[name=text]").fill("My dentist is Dr. Novak on Main Street.")
    page.locator("textarea[name=text]").press("Control+Enter")
    expect(page.get_by_text("You already have this memory.")).to_be_visible()

    page.goto("/memories/")
    expect(page.locator(".state-wait")).to_have_count(0, timeout=30_000)
    page.locator(".memory .memory-text").first.click()
    page.get_by_role("link", name="All details").click()
    expect(page.get_by_text("Likely duplicate")).to_be_visible()
    _expect_no_violation(page)
    page.get_by_role("button", name="Keep newer text").click()
    expect(page.locator(".full-text")).to_have_text("Dr. Novak on Main Street is my dentist.")

    page.goto("/memories/insights/")
    _expect_no_violation(page)
    page.goto("/memories/tags/")
    _expect_no_violation(page)
    page.get_by_role("link", name="Edit “doctors”").click()
    _expect_no_violation(page)
    page.get_by_label("New name").fill("health")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".tag-row")).to_have_count(2)

    page.goto("/memories/")
    page.locator(".many summary").click()
    _expect_no_violation(page)
    page.get_by_label("Select all 3 matching memories").check()
    page.locator(".many").get_by_role("button", name="Move to trash").click()
    expect(page.get_by_text("No memories yet")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".memory")).to_have_count(3)
    assert Memory.objects.filter(deleted_at__isnull=True).count() == 3


def _expect_no_violation(page: Page) -> None:
    results = run_axe(page)
    assert results.response["violations"] == [], results.generate_report()
