"""Asking a persona in a browser with and without JavaScript, and the public page."""

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from tests.e2e.accessibility import check_page
from tests.e2e.test_first_walk import _add_memory, _sign_up
from tests.model_server import ModelServer
from tests.processes import serving

pytestmark = pytest.mark.browser


def test_question_is_answered_with_linked_memory(page: Page) -> None:
    _sign_up(page)
    _add_indexed_memory(page, "I am allergic to hazelnuts.", tags="health")
    page.get_by_role("link", name="Ask").click()
    _ask(page, "Which nuts am I allergic to?")
    expect(page.locator(".citations")).to_contain_text("I am allergic to hazelnuts.")
    expect(page.locator(".badge-private")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Open memory 1").click()
    expect(page.locator(".full-text")).to_have_text("I am allergic to hazelnuts.")
    page.goto("/memories/ask/")
    _ask(page, "Who painted the ceiling?")
    expect(page.locator(".answer")).to_contain_text("No memory answers that.")


def test_anonymous_user_without_javascript_asks_on_public_page(
    page: Page, browser: Browser, site: str
) -> None:
    _sign_up(page)
    _add_indexed_memory(page, "I am allergic to hazelnuts.", tags="health")
    page.locator(".memory .memory-text").click()
    page.get_by_role("button", name="Make public").click()
    expect(page.get_by_role("button", name="Make private")).to_be_visible()
    page.goto("/accounts/profile/")
    page.get_by_label("Turn on my persona").check()
    page.get_by_label("Turn on my public page").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("View your public page")).to_be_visible()
    anonymous = browser.new_context(
        base_url=site, java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    public_page = anonymous.new_page()
    public_page.goto(f"/@{User.objects.get().handle}")
    _ask(public_page, "Allergic to which nuts?")
    expect(public_page.locator(".citations")).to_contain_text("I am allergic to hazelnuts.")
    expect(public_page.locator(".badge-public")).to_be_visible()
    anonymous.close()


def test_generated_answer_streams_and_can_be_stopped(browser: Browser, shared_db: None) -> None:
    with ModelServer() as model, serving(EMBEDDING_PROVIDER="local", **model.chat_variables) as site:
        model.says = ["Hazelnuts", " above all [1]", "."]
        context = browser.new_context(base_url=site, viewport={"width": 390, "height": 844}, locale="en")
        page = context.new_page()
        _sign_up(page)
        _add_indexed_memory(page, "I am allergic to hazelnuts.", tags="health")
        page.goto("/memories/ask/")
        _ask(page, "Which nuts am I allergic to?")
        expect(page.locator(".answer-text")).to_have_text("Hazelnuts above all [1].")
        model.may_go_on.clear()
        _ask(page, "Which nuts am I allergic to?")
        expect(page.locator(".answer-coming")).to_have_text("Hazelnuts")
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        model.may_go_on.set()
        _ask(page, "Which nuts am I allergic to?")
        answer = page.locator(".exchange").last
        expect(answer.locator(".answer-text")).to_have_text("Hazelnuts above all [1].")
        expect(answer.locator(".badge-private")).to_be_visible()
        check_page(page)
        answer.get_by_role("link", name="[1]").click()
        expect(page.locator("#source-2-1")).to_be_focused()
        context.close()


def _add_indexed_memory(page: Page, text: str, *, tags: str) -> None:
    """Add a memory and wait until it is indexed: the questions here match by meaning only."""
    _add_memory(page, text, tags=tags)
    expect(page.locator(".state-wait")).to_have_count(0, timeout=30_000)


def _ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
