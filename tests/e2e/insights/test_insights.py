"""Insights in a browser: the way from a duplicate to its settlement, accessible in both themes, without JavaScript."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.actor import Channel
from accounts.ids import new_id_at
from accounts.models import User
from memories.models import AuditAction, AuditEvent, Memory
from tests.e2e.accessibility import run_axe
from tests.factories import remember

pytestmark = pytest.mark.browser
PAGE = "/memories/insights/"
PASSWORD = "a walrus in the garden"


def test_insights_are_accessible_and_lead_to_settling_duplicates(page: Page) -> None:
    sign_up(page)
    check_page(page, PAGE)
    fill(User.objects.get())
    page.goto("/memories/")
    expect(page.locator(".state-wait")).to_have_count(0, timeout=30_000)
    check_page(page, PAGE)
    check_page(page, f"{PAGE}?range=30d")
    expect(page.get_by_role("img", name="Memories saved per day")).to_be_visible()
    page.get_by_text("Show as table").first.click()
    expect(page.get_by_role("table").first).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Compare").first.click()
    page.get_by_role("button", name="Keep both").first.click()
    page.goto(PAGE)
    expect(page.get_by_text("No duplicates or possible updates.")).to_be_visible()
    page.get_by_role("link", name="Open the memory map").click()
    expect(page.get_by_role("heading", name="Memory map")).to_be_visible()


def test_insights_work_without_javascript(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()
    sign_up(page)
    fill(User.objects.get())
    page.goto(PAGE)
    page.get_by_role("link", name="30 days").click()
    expect(page).to_have_url(f"{site}{PAGE}?range=30d")
    page.get_by_text("Show as table").first.click()
    expect(page.get_by_role("cell", name="2", exact=True).first).to_be_visible()
    context.close()


def fill(user: User) -> None:
    texts = ("My dentist is Dr. Novak on Main Street.", "Dr. Novak on Main Street is my dentist.")
    for text in texts:
        remember(user, text, tags=["health"])
    old = remember(user, "The train leaves at nine.", tags=["travel"])
    Memory.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    for number in range(6):
        moment = timezone.now() - timedelta(days=number)
        for action in (AuditAction.MEMORY_READ, AuditAction.MEMORY_CREATE):
            AuditEvent.objects.create(
                id=new_id_at(moment),
                owner=user,
                actor_id=user.pk,
                door=Channel.MCP,
                client_id=f"app {number}",
                action=action,
                memory_ids=[old.pk],
                happened_at=moment,
            )


def sign_up(page: Page) -> None:
    page.goto("/accounts/signup/")
    page.locator("main input[name=email]").fill("ada@example.org")
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("main button[type=submit]").first.click()
    expect(page).to_have_url(re.compile("/memories/"))


def check_page(page: Page, address: str = "") -> None:
    """Check for axe violations in both themes, targets of 24 pixels and no overflow of a phone."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    if address:
        page.goto(address)
    results = run_axe(page, {"rules": {"target-size": {"enabled": True}}})
    assert results.response["violations"] == [], results.generate_report()
    page.emulate_media(color_scheme="dark")
    contrast = page.evaluate("async () => (await axe.run({runOnly: ['color-contrast']})).violations")
    assert contrast == [], address
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
