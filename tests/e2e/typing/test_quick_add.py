"""What is typed into quick add is never lost: slow answers, failures, reloads, log-outs."""

import re

import pytest
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from memories.models import Memory
from memories.services import reads
from tests.e2e.typing.conftest import log_in
from tests.e2e.typing.proxy import Line
from tests.factories import remember, session

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
THOUGHTS = ["one quick thought", "second quick thought", "third quick thought"]


def list_texts(person: User) -> list[str | None]:
    """Return the saved texts, newest first."""
    return [memory.text for memory in reads.list_memories(session(person)).memories]


def save(page: Page, text: str) -> None:
    """Type without waiting for anything, as people do."""
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")


def unsent(page: Page) -> Locator:
    return page.locator(".unsent-row")


@pytest.mark.parametrize(
    "desk", [{"width": 1280, "height": 860}, PHONE], indirect=True, ids=["desktop", "phone"]
)
def test_thoughts_typed_while_the_server_is_slow_are_all_saved(desk: Page, line: Line, person: User) -> None:
    line.delay_s = 2
    desk.locator("#id_text").focus()
    for thought in THOUGHTS:
        save(desk, thought)
    desk.keyboard.type("a fourth, not sent yet")
    expect(unsent(desk)).to_have_count(3)
    expect(unsent(desk).first).to_contain_text("Saving…")
    expect(desk.locator("#rows .memory-text")).to_have_text(THOUGHTS[::-1])
    expect(unsent(desk)).to_have_count(0)
    expect(desk.locator("#id_text")).to_have_value("a fourth, not sent yet")
    expect(desk.locator("#id_text")).to_be_focused()
    expect(desk.locator(".toast-note")).to_have_text("Saved 3 memories.")
    assert list_texts(person) == THOUGHTS[::-1]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "Something went wrong"),
        (429, "too many requests"),
        (403, "Something went wrong"),
        (401, "logged out"),
    ],
)
def test_failed_text_stays_with_its_reason_until_saved(
    desk: Page, line: Line, person: User, status: int, reason: str
) -> None:
    line.status = status
    desk.locator("#id_text").focus()
    save(desk, "kept through errors")
    expect(unsent(desk).locator(".unsent-state")).to_contain_text(reason)
    line.repair()
    save(desk, "another")
    expect(desk.locator("#rows .memory-text")).to_have_text(["another"])
    desk.reload()
    expect(unsent(desk)).to_contain_text(re.compile(f"kept through errors.*{reason}", re.DOTALL))
    desk.get_by_role("button", name="Try again").click()
    expect(unsent(desk)).to_have_count(0)
    assert list_texts(person) == ["kept through errors", "another"]


def test_offline_text_returns_to_the_box_above_what_was_typed_since(desk: Page, person: User) -> None:
    box = desk.locator("#id_text")
    box.focus()
    desk.context.set_offline(True)
    desk.keyboard.type("written offline")
    desk.get_by_label("Tags").fill("train")
    desk.get_by_label("Public", exact=True).check()
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(unsent(desk)).to_contain_text("The server is not responding.")
    expect(desk.get_by_label("Tags")).to_have_value("")
    expect(desk.get_by_label("Private", exact=True)).to_be_checked()
    box.fill("typed since")
    desk.get_by_role("button", name="Edit").click()
    expect(box).to_have_value("written offline\ntyped since")
    expect(desk.get_by_label("Private", exact=True)).to_be_checked()
    desk.context.set_offline(False)
    box.press("Control+Enter")
    expect(desk.locator("#rows .memory")).to_contain_text("train")
    [memory] = Memory.objects.all()
    assert (memory.text, memory.visibility) == ("written offline\ntyped since", "private")


def test_text_whose_answer_was_lost_is_saved_once(desk: Page, line: Line, person: User) -> None:
    line.is_cut = True
    desk.locator("#id_text").focus()
    save(desk, "saved, but nobody heard")
    expect(unsent(desk)).to_contain_text("The server is not responding.")
    line.repair()
    desk.get_by_role("button", name="Try again").click()
    expect(desk.locator("#rows .memory")).to_have_count(1)
    expect(unsent(desk)).to_have_count(0)
    assert list_texts(person) == ["saved, but nobody heard"]


def test_reload_while_saving_loses_and_doubles_nothing(desk: Page, line: Line, person: User) -> None:
    line.delay_s = 1
    desk.locator("#id_text").focus()
    save(desk, "sent just before leaving")
    desk.keyboard.type("half a thou")
    desk.goto("/help/")
    desk.goto("/memories/")
    expect(desk.locator("#id_text")).to_have_value("half a thou")
    expect(desk.locator("#rows .memory-text")).to_have_text(["sent just before leaving"])
    expect(unsent(desk)).to_have_count(0)
    assert list_texts(person) == ["sent just before leaving"]


def test_duplicate_offers_to_update_or_save_anyway_in_its_row(desk: Page, person: User) -> None:
    remember(person, "I like tea.")
    desk.reload()
    desk.locator("#id_text").focus()
    save(desk, "I like tea.")
    save(desk, "I like cake.")
    expect(unsent(desk).last).to_contain_text("You already have this memory.")
    expect(desk.locator("#rows .memory-text")).to_have_text(["I like cake.", "I like tea."])
    expect(desk.get_by_role("button", name="Try again")).to_have_count(0)  # it would be refused again
    desk.get_by_role("button", name="Update it").click()
    expect(unsent(desk)).to_have_count(0)
    assert sorted(filter(None, list_texts(person))) == ["I like cake.", "I like tea."]


def test_logging_out_leaves_no_text_behind(desk: Page, line: Line) -> None:
    line.status = 500
    desk.locator("#id_text").focus()
    save(desk, "a secret")
    expect(unsent(desk)).to_contain_text("Something went wrong")
    desk.keyboard.type("another secret")
    assert "another secret" in desk.evaluate("JSON.stringify(sessionStorage)")
    line.repair()
    desk.locator(".bar .menu summary").click()
    desk.locator(".bar .menu").get_by_role("button", name="Log out").click()
    desk.wait_for_url(re.compile("/$"))
    assert "secret" not in desk.evaluate("JSON.stringify(sessionStorage)")


def test_tab_that_missed_the_log_out_forgets_its_text(desk: Page, line: Line, person: User) -> None:
    desk.locator("#id_text").fill("a secret")
    desk.goto("about:blank")
    other, third = desk.context.new_page(), desk.context.new_page()
    third.goto("/memories/?q=secret")
    third.locator("#id_text").fill("a secret")
    other.goto("/memories/")
    other.locator(".bar .menu summary").click()
    other.locator(".bar .menu").get_by_role("button", name="Log out").click()
    other.wait_for_url(re.compile("/$"))
    third.locator("#id_text").press("End")
    assert "secret" not in third.evaluate("JSON.stringify(sessionStorage)")
    desk.goto("/accounts/login/")
    assert "secret" not in desk.evaluate("JSON.stringify(sessionStorage)")
    log_in(desk.context, line, person)
    desk.goto("/memories/")
    expect(desk.locator("#id_text")).to_have_value("")


def test_session_that_ended_keeps_the_text_through_log_in(desk: Page, line: Line, person: User) -> None:
    desk.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    desk.locator("#id_text").focus()
    save(desk, "typed while logged out")
    expect(unsent(desk)).to_contain_text("You are logged out.")
    desk.goto("/memories/")
    expect(desk.get_by_role("button", name="Log in")).to_be_visible()
    log_in(desk.context, line, person)
    desk.goto("/memories/")
    expect(unsent(desk)).to_contain_text("typed while logged out")
    desk.get_by_role("button", name="Try again").click()
    expect(unsent(desk)).to_have_count(0)
    assert list_texts(person) == ["typed while logged out"]
