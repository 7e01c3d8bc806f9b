"""No answer replaces a field that somebody types into, or shows the results of another search."""

import re

import pytest
from django.conf import settings
from playwright.sync_api import Dialog, Page, expect

from accounts.models import User
from memories.models import Memory, Proposal
from tests.e2e.typing.proxy import Line
from tests.factories import remember
from tests.memories.review.test_decisions import propose

pytestmark = pytest.mark.browser
# Swaps the results for what a server could answer, as any request of the page can.
SWAP = """html => new Promise(done => {
    const target = document.getElementById("results");
    target.setAttribute("hx-get", "/swapped/");
    htmx.process(target);
    htmx.ajax("GET", "/swapped/", {source: target, target, swap: "innerHTML"}).then(done);
})"""


def answer(page: Page, html: str) -> None:
    """Answer the next swap of the results with this HTML."""
    page.unroute("**/swapped/")
    page.route("**/swapped/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.evaluate(SWAP, html)


def test_slow_search_keeps_what_is_typed_and_never_shows_other_results(
    desk: Page, line: Line, person: User
) -> None:
    remember(person, "The bicycle is blue.")
    remember(person, "The car is red.")
    line.slow, line.delay_s = "q=bicycle", 2
    desk.locator("#q").press_sequentially("bicycle")
    desk.wait_for_timeout(600)  # the search is on its way
    desk.locator("#q").fill("car")
    expect(desk.locator(".found")).to_contain_text("“car”")
    desk.wait_for_timeout(2200)  # the first answer has arrived
    expect(desk.locator(".found")).to_contain_text("“car”")
    expect(desk.locator("#q")).to_have_value("car")
    expect(desk.locator("#q")).to_be_focused()
    expect(desk).to_have_url(re.compile(r"\?q=car$"))


def test_answer_that_arrives_while_typing_on_is_dropped(desk: Page, line: Line, person: User) -> None:
    remember(person, "The bicycle is blue.")
    line.slow, line.delay_s = "q=bicycle", 1
    desk.locator("#q").press_sequentially("bicycle")
    desk.wait_for_timeout(600)
    for letter in " is blue":
        desk.keyboard.type(letter)
        desk.wait_for_timeout(150)  # no search starts in between
        assert desk.locator(".found").count() == 0
    expect(desk.locator(".found")).to_contain_text("“bicycle is blue”")


def test_failed_search_says_so_beside_the_search(desk: Page) -> None:
    desk.context.set_offline(True)
    desk.locator("#q").fill("bicycle")
    expect(desk.locator(".search .problem")).to_contain_text("The server is not responding.")
    expect(desk.locator("#q")).to_have_value("bicycle")
    desk.context.set_offline(False)
    desk.locator("#q").press("Enter")
    expect(desk.locator(".found")).to_be_visible()
    expect(desk.locator(".problem:visible")).to_have_count(0)


def test_fields_in_use_survive_every_swap(desk: Page) -> None:
    row = '<li id="row"><form><textarea id="field">from the server</textarea></form></li>'
    answer(desk, f'<ul id="rows">{row}</ul>')
    field = desk.locator("#field")
    field.click()
    desk.keyboard.press("Control+End")
    desk.keyboard.type(", and mine")
    answer(desk, f'<ul id="rows">{row}<li>new</li></ul><button autofocus>Take the focus</button>')
    expect(desk.locator("#rows")).to_contain_text("new")
    desk.keyboard.type("!")  # the cursor is where it was
    expect(field).to_have_value("from the server, and mine!")
    # Not in the answer: it waits while the field has the focus, then keeps the row of what is not saved.
    answer(desk, '<ul id="rows"><li>another</li></ul>')
    desk.keyboard.type("!")
    expect(field).to_have_value("from the server, and mine!!")
    desk.locator("#q").focus()
    answer(desk, '<ul id="rows"><li>third</li></ul>')
    expect(desk.locator("#rows")).to_contain_text("third")
    expect(field).to_have_value("from the server, and mine!!")
    # Saved or untouched fields are replaced as ever.
    field.fill("from the server")
    desk.locator("#q").focus()
    answer(desk, '<ul id="rows"><li>fourth</li></ul>')
    expect(desk.locator("#rows")).to_have_text("fourth")


def test_proposals_are_answered_while_another_is_edited(desk: Page, line: Line, person: User) -> None:
    for text in ("One.", "Two.", "Three."):
        propose(person, text)
    line.delay_s = 2
    desk.goto("/memories/review/")
    desk.locator(".proposal", has_text="Three.").get_by_role("button", name="Approve").click()
    editing = desk.locator("textarea", has_text="Two.")
    editing.fill("Two, edited.")
    expect(desk.get_by_text("Saved 1 memory.")).to_be_visible()
    expect(desk.get_by_role("button", name="Approve all 2 proposals")).to_be_visible()
    expect(editing).to_have_value("Two, edited.")
    expect(editing).to_be_focused()
    desk.locator(".proposal", has_text="One.").get_by_role("checkbox").uncheck()
    line.delay_s = 0
    # What was typed also survives an answer to the whole page.
    desk.get_by_role("textbox", name="Text 3").fill("One, edited.")
    desk.get_by_role("button", name="Approve selected").click()
    expect(desk.locator(".messages")).to_contain_text("Saved 1 memory.")
    expect(desk.locator(".proposal textarea")).to_have_value("One, edited.")
    expect(desk.locator(".proposal").get_by_role("checkbox")).not_to_be_checked()
    assert {memory.text for memory in Memory.objects.all()} == {"Three.", "Two, edited."}
    assert Proposal.objects.count() == 1


def test_leaving_asks_only_if_a_long_text_is_not_saved(desk: Page) -> None:
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    desk.on("dialog", accept)
    desk.goto("/memories/new/")
    desk.locator("#id_text").press_sequentially("A long text.")
    desk.goto("/help/")
    assert asked == ["beforeunload"]
    desk.goto("/memories/new/")
    desk.locator("#id_text").press_sequentially("A long text.")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("Saved.")).to_be_visible()
    assert asked == ["beforeunload"]


def test_typing_on_after_saving_a_row_is_kept_and_saved(desk: Page, line: Line, person: User) -> None:
    memory = remember(person, "I like tea")
    desk.goto("/memories/")
    desk.locator(".memory-text").focus()
    desk.keyboard.press("e")
    field = desk.locator(".panel textarea")
    expect(field).to_be_focused()
    line.delay_s = 1
    desk.keyboard.type(" and cake")
    desk.keyboard.press("Control+Enter")
    desk.keyboard.type(" and pie")
    expect(desk.locator(".panel [name=version]")).to_have_value(str(memory.version + 1))
    expect(field).to_have_value("I like tea and cake and pie")
    desk.keyboard.press("Control+Enter")
    expect(desk.locator(".panel .full-text")).to_have_text("I like tea and cake and pie")


def test_keys_pressed_while_a_row_waits_for_its_answer_all_count(
    desk: Page, line: Line, person: User
) -> None:
    remember(person, "I like tea")
    desk.goto("/memories/")
    desk.locator(".memory-text").focus()
    line.delay_s = 1
    for key in ("e", "Escape", "t"):
        desk.keyboard.press(key)
    expect(desk.locator(".panel [name=tags]")).to_be_focused()
    desk.keyboard.type("drinks")
    desk.keyboard.press("Enter")
    expect(desk.locator(".panel .tags")).to_have_text("drinks")
    expect(desk).to_have_url(re.compile("/memories/.open="))  # in place, not on a page of its own


def test_answer_leaves_the_focus_where_somebody_went(desk: Page, line: Line, person: User) -> None:
    remember(person, "I like tea")
    remember(person, "I like cake")
    desk.goto("/memories/")
    cake, tea = desk.locator(".memory-text").all()
    tea.focus()
    line.delay_s = 1
    desk.keyboard.press("o")
    cake.focus()
    expect(desk.locator(".panel")).to_be_visible()
    expect(cake).to_be_focused()


def test_saved_row_takes_no_focus_from_quick_add(desk: Page, line: Line, person: User) -> None:
    remember(person, "I like tea")
    desk.goto("/memories/")
    desk.locator(".memory-text").focus()
    desk.keyboard.press("t")
    expect(desk.locator(".panel [name=tags]")).to_be_focused()
    line.delay_s = 1
    desk.keyboard.type("drinks")
    desk.keyboard.press("Enter")
    desk.locator("#id_text").focus()
    expect(desk.locator(".panel .tags")).to_have_text("drinks")
    desk.keyboard.type("#note")  # in a row, # deletes
    expect(desk.locator("#id_text")).to_have_value("#note")


def test_search_after_the_session_ended_leaves_no_unsaved_text(desk: Page, person: User) -> None:
    remember(person, "I like tea")
    desk.goto("/memories/")
    desk.locator(".memory-text").focus()
    desk.keyboard.press("e")
    field = desk.locator(".panel textarea")
    expect(field).to_be_focused()
    desk.keyboard.type(" and cake")
    desk.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    desk.locator("#q").press_sequentially("tea")
    expect(desk.locator("#toasts")).to_contain_text("You are logged out.")
    expect(field).to_have_value("I like tea and cake")
