"""Number of actions until a new user finds their first memory; keyboard shortcuts; use without a mouse."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from memories.errors import ApprovalRequired
from memories.models import Memory
from memories.services import writes
from memories.validation.drafts import NewMemory
from tests.e2e.accessibility import Keyboard
from tests.factories import app

pytestmark = pytest.mark.browser
ONE_LINE_PX = 64
MAX_ACTIONS = 6  # from the sign-up page to the first memory found


class ActionCounter:
    """Counts the user's actions on a page: a click, a filled field, a pressed key."""

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


def test_new_user_finds_first_memory_in_few_actions(page: Page) -> None:
    user = ActionCounter(page)
    page.goto("/accounts/signup/")
    user.fill("main input[name=email]", "new@example.org")
    user.fill("input[name=password1]", "a walrus in the garden")
    user.press("input[name=password1]", "Enter")
    user.click(".ideas button")
    expect(page.locator("#id_text")).to_have_value("I am vegetarian and allergic to hazelnuts.")
    user.press("#id_text", "Control+Enter")
    expect(page.locator(".memory")).to_contain_text("hazelnuts")
    expect(page.locator(".state-wait")).to_have_count(0, timeout=30_000)  # it can be found by meaning now
    user.click(".first-steps a[href*='q=food']")
    expect(page.locator(".memory")).to_contain_text("hazelnuts")
    expect(page.locator(".why")).to_have_text("similar meaning")
    assert user.count <= MAX_ACTIONS
    steps = page.locator(".first-steps-line")
    expect(steps.get_by_role("link", name="Connect an app")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 860})
    box = steps.bounding_box()
    assert box is not None
    assert box["height"] < ONE_LINE_PX
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Hide").click()
    expect(page.get_by_role("heading", name="Get started")).to_have_count(0)
    _use_keyboard_shortcuts(page)
    _use_keyboard_only(page)
    _focus_fields_behind_review_bar(page)


def _use_keyboard_shortcuts(page: Page) -> None:
    keys = page.keyboard
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    keys.press("g")  # shortcuts are ignored while the dialog is open
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.press("/")
    expect(page.locator("#q")).to_be_focused()
    keys.type("gn?")
    expect(page.locator("#q")).to_have_value("gn?")
    page.evaluate("document.activeElement.blur()")
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


def _use_keyboard_only(page: Page) -> None:
    """Add, find, open, edit, publish, trash and restore without a mouse or shortcuts."""
    keys = Keyboard(page)
    keys.open(".bar-nav [data-key=m]")
    expect(page.get_by_role("heading", name="Memories", exact=True)).to_be_visible()
    keys.to("#id_text")
    keys.type("My bicycle is blue.")
    keys.press("Enter")
    expect(page.locator(".memory").first).to_contain_text("bicycle")
    keys.to("#q", key="Shift+Tab")
    keys.type("bicycle")
    expect(page.locator(".found")).to_contain_text("1 match")
    keys.open(".memory-text")
    expect(page.locator(".full-text")).to_have_text("My bicycle is blue.")
    keys.open(".panel .pic-pencil")
    expect(page.locator(".panel textarea")).to_be_focused()
    keys.press("Home")  # the cursor is at the end
    keys.type("Since May: ")
    keys.open(".panel .btn-main")
    expect(page.locator(".full-text")).to_have_text("Since May: My bicycle is blue.")
    keys.to(".panel [data-set=public]")
    keys.press("Space")
    expect(page.get_by_role("button", name="Make private")).to_be_visible()
    keys.open(".panel .pic-trash")
    expect(page.get_by_text("Moved to trash.")).to_be_visible()
    keys.open(".page-actions summary")
    keys.open(".page-actions a[href$='/trash/']")
    expect(page.get_by_role("heading", name="Trash")).to_be_visible()
    keys.open(".rows-trash button.act")
    expect(page.get_by_text("Restored.")).to_be_visible()
    memory = Memory.objects.get(visibility="public", deleted_at=None)
    assert memory.text == "Since May: My bicycle is blue."


def _focus_fields_behind_review_bar(page: Page) -> None:
    """The review bar covers the end of the window but never the focused element."""
    actor = app(User.objects.get(), asks_first=True)
    with pytest.raises(ApprovalRequired):
        writes.create_memories(actor, [NewMemory(f"Thing {number}.") for number in range(6)])
    page.goto("/memories/review/")
    keys = Keyboard(page)
    keys.to(".review-bar .btn-main")
    keys.to("#main textarea", key="Shift+Tab")
