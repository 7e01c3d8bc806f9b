"""A conversation on the Ask page in a browser: slow and failing answers, follow-up questions, sources, saving."""

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from memories.models import Memory
from tests.e2e.accessibility import check_page
from tests.e2e.test_first_walk import _sign_up
from tests.e2e.test_persona import _add_indexed_memory
from tests.model_server import ModelServer
from tests.processes import serving

pytestmark = pytest.mark.browser

SISTER, HOME, ZEBRA = (
    "My sister Clara works as a vet.",
    "Clara lives in a flat near the river.",
    "The zebra lives near the garden.",
)


def test_conversation_with_delay_failure_and_missing_memory(page: Page) -> None:
    _sign_up(page)
    for text in (SISTER, HOME, ZEBRA):
        _add_indexed_memory(page, text, tags="family")
    page.goto("/memories/ask/")
    page.locator(".examples button").first.click()
    expect(page.locator(".question")).to_contain_text("What do my memories say about")
    page.get_by_role("link", name="New conversation").click()
    expect(page.locator(".exchange")).to_have_count(0)
    _keep_what_is_typed_during_a_slow_answer(page)
    _answer_a_follow_up(page)
    _offer_to_try_again(page)
    _add_the_missing_memory(page)


def _keep_what_is_typed_during_a_slow_answer(page: Page) -> None:
    held: list[Route] = []  # until the server "answers"
    page.route("**/memories/ask/", lambda route: held.append(route))
    box = page.get_by_label("Your question")
    box.fill("What does my sister do for work?")
    box.press("Enter")
    expect(box).to_have_value("")
    expect(page.get_by_text("Looking through the memories…").first).to_be_visible()
    box.press_sequentially("And where does")
    box.press("Shift+Enter")
    box.press("Enter")  # too early: nothing is sent, and nothing is lost
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    [route] = held
    route.continue_()
    page.unroute("**/memories/ask/")
    expect(page.locator(".exchange").last).to_contain_text(SISTER)
    expect(box).to_have_value("And where does\n")
    expect(box).to_be_focused()
    expect(page.locator("#ask-status")).to_contain_text(SISTER)


def _answer_a_follow_up(page: Page) -> None:
    box = page.get_by_label("Your question")
    box.fill("And where does she live?")
    box.press("Enter")
    answer = page.locator(".exchange").nth(1)
    expect(answer.locator(".answer .memory").first).to_contain_text(HOME)
    expect(answer).to_be_in_viewport()
    check_page(page)


def _offer_to_try_again(page: Page) -> None:
    # No events, as from a proxy or a log-in page. A lost connection would be an error in the console.
    page.route("**/memories/ask/", lambda route: route.fulfill(content_type="text/html", body="Log in"))
    box = page.get_by_label("Your question")
    box.fill("What is her cat called?")
    box.press("Enter")
    failed = page.locator(".exchange").last
    expect(failed.get_by_role("alert")).to_contain_text("Your question is still here.")
    expect(failed.locator(".question")).to_have_text("What is her cat called?")
    box.fill("half a thought")
    page.unroute("**/memories/ask/")
    failed.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert").filter(has_text="still here")).to_have_count(0)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.locator(".exchange")).to_have_count(3)
    expect(box).to_have_value("half a thought")
    box.fill("x" * 1_200)
    box.press("Enter")
    expect(page.locator(".exchange").last.get_by_role("alert")).to_contain_text("at most 1,000 characters")


def _add_the_missing_memory(page: Page) -> None:
    page.get_by_role("link", name="New conversation").click()
    page.get_by_label("Your question").fill("When does the quartz museum open?")
    page.get_by_role("button", name="Ask", exact=True).click()
    missing = page.get_by_label("Which memory would help?")
    missing.press("Enter")
    expect(page.locator(".missing .errors")).not_to_be_empty()
    missing.fill("The quartz museum opens at nine.")
    page.get_by_role("button", name="Save and ask again").click()
    expect(page.locator(".exchange")).to_have_count(2)
    expect(page.locator(".exchange").last).to_contain_text("The quartz museum opens at nine.")
    assert Memory.objects.latest("pk").visibility == "private"


def test_sources_open_beside_and_an_answer_is_saved(browser: Browser, shared_db: None) -> None:
    with ModelServer() as model, serving(EMBEDDING_PROVIDER="local", **model.chat_variables) as site:
        model.says = ["She is", " a vet [1]", "."]
        context = browser.new_context(base_url=site, viewport={"width": 1280, "height": 860}, locale="en")
        page = context.new_page()
        _sign_up(page)
        _add_indexed_memory(page, SISTER, tags="")
        page.goto("/memories/ask/")
        page.get_by_label("Your question").fill("What does my sister do?")
        page.keyboard.press("Enter")
        answer, sources = page.locator(".answer"), page.locator(".answer-sources")
        expect(answer.locator(".answer-text")).to_have_text("She is a vet [1].")
        beside, text = sources.bounding_box(), answer.bounding_box()
        assert beside is not None
        assert text is not None
        assert beside["x"] >= text["x"] + text["width"]
        sources.locator("summary").click()
        answer.get_by_role("link", name="[1]").press("Enter")
        expect(page.locator("#source-1-1")).to_be_focused()
        expect(page.locator("#source-1-1")).to_contain_text(SISTER)
        check_page(page)
        page.get_by_role("button", name="Save as memory").click()
        expect(page.get_by_text("Saved as a private memory.")).to_be_visible()
        assert Memory.objects.latest("pk").text == "She is a vet."
        _converse_without_javascript(browser, page)
        context.close()


def _converse_without_javascript(browser: Browser, page: Page) -> None:
    state, origin = page.context.storage_state(), page.url.partition("/memories")[0]
    context = browser.new_context(
        base_url=origin,
        storage_state=state,
        java_script_enabled=False,
        viewport={"width": 390, "height": 844},
    )
    plain = context.new_page()
    plain.goto("/memories/ask/")
    for question in ("What does my sister do?", "What else does she do?"):
        plain.get_by_label("Your question").fill(question)
        plain.get_by_role("button", name="Ask", exact=True).click()
        expect(plain.locator("#latest")).to_have_text(question)
    expect(plain.locator(".question")).to_have_count(2)
    expect(plain.locator("#latest")).to_be_in_viewport()
    plain.locator(".exchange").last.get_by_role("link", name="[1]").click()
    expect(plain.locator("#source-2-1")).to_be_in_viewport()
    context.close()
