"""A memory opens, changes and goes within the list: nothing typed is lost, and the URL names what is open."""

import re

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from accounts.models import User
from memories.models import Memory
from memories.services import writes
from memories.services.writes import NewMemory
from tests.e2e.list.test_dense import sign_up_with
from tests.e2e.test_bulk import _expect_no_violation
from tests.factories import app, session

pytestmark = pytest.mark.browser
DESKTOP: ViewportSize = {"width": 1280, "height": 860}


def test_memory_opens_with_its_url_and_closes_by_back(page: Page) -> None:
    page.set_viewport_size(DESKTOP)
    ada = sign_up_with(page, [NewMemory(f"Thing {n}.", tags=["work"]) for n in range(40)])
    page.locator(".list-aside a", has_text="work").click()
    page.get_by_role("link", name="Load more").click()
    row = page.locator(".memory", has_text="Thing 3.")
    row.scroll_into_view_if_needed()
    position = page.evaluate("scrollY")
    row.locator(".memory-text").click()
    expect(row.locator(".panel .full-text")).to_have_text("Thing 3.")
    expect(page).to_have_url(re.compile(r"\?tag=.*&open="))
    _expect_no_violation(page)
    page.go_back()
    expect(page.locator(".panel")).to_have_count(0)
    assert abs(page.evaluate("scrollY") - position) < 300
    expect(page.locator(".memory")).to_have_count(40)
    page.go_forward()
    expect(row.locator(".panel")).to_be_visible()
    page.reload()  # the memory is not on the first page of the list: it comes first
    expect(page.locator(".memory").first.locator(".panel")).to_contain_text("Thing 3.")
    page.keyboard.press("Tab")
    page.locator(".panel").get_by_role("button", name="Close").click()
    expect(page).not_to_have_url(re.compile("open="))
    assert Memory.objects.filter(owner=ada, deleted_at=None).count() == 40


def test_edit_in_place_survives_search_and_conflict(page: Page) -> None:
    ada = sign_up_with(page, [NewMemory("Green tea."), NewMemory("The plumber comes on Thursdays.")])
    tea = Memory.objects.earliest("pk")
    row = page.locator(f"#m-{tea.pk}")
    box = _edit(row, "Green tea, no sugar.")
    page.locator("#q").fill("plumber")
    expect(page.locator(".found")).to_be_visible()
    expect(box).to_have_value("Green tea, no sugar.")

    writes.update_memory(app(ada), tea.pk, text="Black tea.")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("heading", name="Current version")).to_be_visible()
    expect(row.locator(".full-text")).to_have_text("Black tea.")
    expect(box).to_have_value("Green tea, no sugar.")
    _expect_no_violation(page)
    page.locator("#q").fill("")  # the form that came back is not saved either
    expect(page.locator(".memory")).to_have_count(2)
    expect(box).to_have_value("Green tea, no sugar.")
    row.get_by_role("button", name="Save your version").click()
    expect(row.locator(".panel .full-text")).to_have_text("Green tea, no sugar.")
    assert Memory.objects.get(pk=tea.pk).text == "Green tea, no sugar."


def test_failed_requests_are_explained_in_the_row(shaky_page: Page) -> None:
    page = shaky_page
    sign_up_with(page, [NewMemory("Green tea.")])
    row = page.locator(".memory")
    box = _edit(row, "Green tea, no sugar.")
    page.route("**/edit/", lambda route: route.abort())
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert")).to_contain_text("not responding")
    expect(box).to_have_value("Green tea, no sugar.")
    page.unroute("**/edit/")
    row.get_by_role("button", name="Save").click()
    expect(row.locator(".panel .full-text")).to_have_text("Green tea, no sugar.")
    page.route("**/delete/", lambda route: route.fulfill(status=500))
    row.get_by_role("button", name="Delete").click()
    expect(row.get_by_role("alert")).to_contain_text("went wrong")
    assert Memory.objects.get().deleted_at is None


def _edit(row: Locator, text: str) -> Locator:
    """Open a memory for editing and replace its text. Returns the field."""
    row.locator(".memory-text").click()
    row.get_by_role("button", name="Edit", exact=True).click()
    row.locator("textarea").fill(text)
    return row.locator("textarea")


def test_row_is_deleted_and_restored_in_its_place(page: Page) -> None:
    page.set_viewport_size(DESKTOP)
    sign_up_with(page, [NewMemory(f"Thing {n}.") for n in range(3)])
    row = page.locator(".memory", has_text="Thing 1.")
    row.hover()
    row.get_by_role("button", name="Delete").click()
    gone = page.locator(".memory-gone")
    expect(gone).to_contain_text("Moved to trash.")
    assert page.locator("#rows .memory").nth(1).get_attribute("class") == "memory memory-gone"
    gone.get_by_role("button", name="Undo").click()
    expect(page.locator("#rows .memory").nth(1)).to_contain_text("Thing 1.")


def test_keys_walk_open_edit_tag_select_and_delete(page: Page) -> None:
    page.set_viewport_size(DESKTOP)
    sign_up_with(page, [NewMemory(f"Thing {n}.") for n in range(6)])
    keys = page.keyboard
    keys.press("j")
    expect(page.locator(".memory-text").nth(0)).to_be_focused()
    keys.press("ArrowDown")
    keys.press("j")
    keys.press("k")
    expect(page.locator(".memory-text").nth(1)).to_be_focused()
    keys.press("o")
    expect(page.locator(".panel")).to_be_focused()
    keys.press("Escape")
    expect(page.locator(".memory-text").nth(1)).to_be_focused()
    keys.press("e")
    expect(page.locator(".panel textarea")).to_be_focused()
    keys.press("x")  # types
    keys.press("Escape")
    expect(page.locator(".memory .problem")).to_contain_text("unsaved changes")
    page.get_by_role("button", name="Cancel").or_(page.get_by_role("link", name="Cancel")).click()
    keys.press("Escape")
    keys.press("t")
    expect(page.locator(".panel input[name=tags]")).to_be_focused()
    keys.type("work, home")
    keys.press("Enter")
    expect(page.locator(".panel .tags li")).to_have_count(2)
    keys.press("Escape")
    keys.press("x")
    expect(page.locator("#list-status")).to_have_text("Selected: 1")
    keys.press("Shift+J")
    keys.press("Shift+J")
    expect(page.locator("#list-status")).to_have_text("Selected: 3")
    page.locator(".tick input").nth(5).click(modifiers=["Shift"])
    expect(page.locator(".tick :checked")).to_have_count(5)
    _expect_no_violation(page)
    page.locator(".memory-text").nth(0).focus()
    keys.press("Delete")
    expect(page.locator(".memory-gone")).to_have_count(1)
    keys.press("u")
    expect(page.locator(".memory-gone")).to_have_count(0)
    _turn_shortcuts_off(page)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def _turn_shortcuts_off(page: Page) -> None:
    User.objects.update(shortcuts_enabled=False)
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto("/memories/")


def test_deep_link_keeps_filters_and_month(page: Page) -> None:
    ada = sign_up_with(page, [NewMemory("A public thing.", visibility="public"), NewMemory("Mine.")])
    memory = Memory.objects.get(owner=ada, visibility="public")
    page.goto(f"/memories/?visibility=public&open={memory.pk}")
    expect(page.locator(".panel")).to_contain_text("A public thing.")
    expect(page.locator("#visibility")).to_have_value("public")
    expect(page.locator(".memory")).to_have_count(1)
    writes.trash_memory(session(ada), memory.pk)
    page.goto(f"/memories/?open={memory.pk}")
    expect(page.locator(".panel")).to_have_count(0)
