"""One toast at a time: counted, closable, and not above what people use."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.e2e.accessibility import run_axe
from tests.e2e.typing.proxy import Line
from tests.e2e.typing.test_quick_add import PHONE, save, unsent
from tests.factories import remember

pytestmark = pytest.mark.browser
TOAST = "detail => document.body.dispatchEvent(new CustomEvent('toast', {detail}))"


def test_one_toast_at_a_time(desk: Page) -> None:
    note = desk.locator(".toast-note")
    for text in ("Now public.", "Now private.", "Now private."):
        desk.evaluate(TOAST, {"text": text})
    expect(note).to_have_text("Now private. (2)")
    expect(desk.locator("#toasts [role=status] .toast-note")).to_be_visible()
    desk.evaluate(TOAST, {"text": "It failed.", "bad": True})
    expect(desk.locator("#toasts [role=alert] .toast-note")).to_have_text("It failed.")
    desk.evaluate(TOAST, {"text": "Saved."})
    expect(note).to_have_text("It failed.")  # an error is not replaced
    note.get_by_role("button", name="Close").click()
    expect(note).to_have_text("Saved.")
    desk.keyboard.press("Escape")
    expect(note).to_have_count(0)


def test_toast_stays_while_it_is_used(desk: Page) -> None:
    desk.clock.install()
    note = desk.locator(".toast-note")
    desk.evaluate(TOAST, {"text": "Saved."})
    note.hover()
    desk.clock.run_for(20_000)
    expect(note).to_be_visible()
    desk.mouse.move(5, 5)
    note.get_by_role("button").focus()
    desk.clock.run_for(20_000)
    expect(note).to_be_visible()
    desk.locator("#q").focus()
    desk.clock.run_for(6_000)
    expect(note).to_have_count(0)


@pytest.mark.parametrize("desk", [PHONE], indirect=True, ids=["phone"])
def test_phone_shows_failures_and_toast_without_covering_the_list(
    desk: Page, line: Line, person: User
) -> None:
    for number in range(12):
        remember(person, f"Memory {number}.")
    desk.reload()
    line.status = 500
    desk.locator("#id_text").focus()
    save(desk, "not saved")
    expect(unsent(desk)).to_contain_text("Something went wrong")
    line.repair()
    save(desk, "saved")
    desk.locator(".toast-note button").focus()  # it stays
    for scheme in ("light", "dark"):
        desk.emulate_media(color_scheme=scheme)
        results = run_axe(desk, {"rules": {"target-size": {"enabled": True}}})
        assert results.response["violations"] == [], results.generate_report()
    assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in (*unsent(desk).get_by_role("button").all(), desk.locator(".toast-note button")):
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    desk.evaluate("scrollTo(0, document.body.scrollHeight)")
    toast, last = desk.locator(".toast-note").bounding_box(), desk.locator(".foot").bounding_box()
    assert toast is not None
    assert last is not None
    assert last["y"] + last["height"] <= toast["y"]
