"""What takes over a second says so, and no form is sent twice while it is under way."""

import time

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from tests.e2e.test_first_walk import _sign_up

pytestmark = pytest.mark.browser
DELAY_S = 1.6
BAR = "#progress"
# What the page says while it waits for another one, noted where the other one can read it.
NOTE = """() => new MutationObserver(() => {
    const busy = document.querySelectorAll("[aria-busy=true], #progress.is-on");
    sessionStorage.seen = `${sessionStorage.seen ?? ""}${[...busy].map(each => each.textContent.trim()).join()};`;
}).observe(document.body, { attributes: true, subtree: true, childList: true })"""


def delay_posts(page: Page, url: str) -> list[str]:
    """Delay each POST to this URL. Return the list that they are added to."""
    sent: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.url)
            time.sleep(DELAY_S)
        route.continue_()

    page.route(url, answer)
    return sent


def test_slow_form_is_busy_and_sent_once(page: Page) -> None:
    _sign_up(page)
    page.goto("/accounts/profile/")
    sent = delay_posts(page, "**/accounts/profile/")
    page.get_by_label("display name").fill("Grace")
    page.evaluate(NOTE)
    page.locator("main").get_by_role("button", name="Save").dblclick()
    expect(page.get_by_text("Saved.")).to_be_visible()
    seen = page.evaluate("sessionStorage.seen").split(";")
    assert {"Save", "Save,Please wait…"} <= set(seen)
    expect(page.locator("[aria-busy=true], #progress.is-on")).to_have_count(0)
    assert len(sent) == 1
    assert User.objects.get().display_name == "Grace"


def test_slow_request_of_htmx_shows_the_bar_and_ends(page: Page) -> None:
    _sign_up(page)
    delay_posts(page, "**/memories/new/")
    page.locator("textarea[name=text]").fill("I like tea.")
    page.locator("#add").get_by_role("button", name="Save").click(no_wait_after=True)
    expect(page.locator(BAR)).to_have_text("Please wait…")
    expect(page.locator(".memory")).to_contain_text("I like tea.")
    expect(page.locator(BAR)).to_have_text("")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
