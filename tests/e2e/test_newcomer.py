"""How soon a newcomer finds their first memory, counted in what their hands do; then the single keys."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
ACTIONS = 8  # from the front page to the first memory that was found


class Hands:
    """What a person does at a page, counted: a click, a field filled, a key pressed."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.count = 0

    def click(self, selector: str) -> None:
        self.count += 1
        self._page.locator(selector).first.click()

    def fill(self, selector: str, text: str) -> None:
        self.count += 1
        self._page.locator(selector).fill(text)

    def press(self, selector: str, key: str) -> None:
        self.count += 1
        self._page.locator(selector).press(key)


def test_a_newcomer_finds_their_first_memory_in_few_acts(page: Page) -> None:
    hands = Hands(page)
    page.goto("/")
    hands.click("main a[href='/accounts/signup/']")
    hands.fill("main input[name=email]", "new@example.org")
    hands.fill("input[name=password1]", "a walrus in the garden")
    hands.press("input[name=password1]", "Enter")
    hands.click(".ideas button")
    expect(page.locator("#id_text")).to_have_value("I am vegetarian and allergic to hazelnuts.")
    hands.press("#id_text", "Control+Enter")
    expect(page.locator(".memory")).to_contain_text("hazelnuts")
    expect(page.locator(".state-wait")).to_have_count(0, timeout=30_000)  # then it is found by its meaning
    hands.click(".first-steps a[href*='q=food']")
    expect(page.locator(".memory")).to_contain_text("hazelnuts")
    expect(page.locator(".why")).to_have_text("close in meaning")
    expect(page.locator(".first-steps [aria-current=step] h3")).to_have_text("Connect an app")
    assert hands.count <= ACTIONS
    page.get_by_role("button", name="Skip these").click()
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)
    _try_single_keys(page)


def _try_single_keys(page: Page) -> None:
    keys = page.keyboard
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    keys.press("g")  # nothing but the dialog hears keys meanwhile
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.press("/")
    expect(page.locator("#q")).to_be_focused()
    keys.type("gn?")
    expect(page.locator("#q")).to_have_value("gn?")
    page.locator("h1").click()
    for key in "ga":
        keys.press(key)
    expect(page).to_have_url(re.compile("/memories/ask/$"))
    keys.press("n")
    expect(page.locator("#id_text")).to_be_focused()
    page.goto("/accounts/profile/")
    page.get_by_label("Use keyboard shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    for key in "gm?":
        keys.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("/accounts/profile/$"))
