"""The main actions in a browser: sign up, add, search by meaning, edit, publish, delete, undo."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from memories.models import Memory
from tests.e2e.accessibility import run_axe
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.browser
PASSWORD = "a walrus in the garden"


def test_first_walk(page: Page) -> None:
    _sign_up(page)
    _add_memory(page, "I am allergic to hazelnuts.", tags="health, food")
    _add_memory(page, "My daughter Mia was born in May 2019.", tags="family")
    _add_memory(page, "For work I write Python and some Rust.")
    expect(page.get_by_text("3 memories")).to_be_visible()

    _search(page, "which child do I have")
    expect(page.locator(".memory").first).to_contain_text("Mia")
    expect(page).to_have_url(re.compile(r"\?q=which"))
    page.reload()
    expect(page.locator(".memory").first).to_contain_text("Mia")

    page.locator(".memory").first.get_by_role("link").first.click()
    page.locator(".panel").get_by_role("button", name="Edit", exact=True).click()
    page.locator(".panel textarea").fill("My daughter Mia was born in May 2019 and loves dinosaurs.")
    page.locator(".panel").get_by_role("button", name="Save").click()
    expect(page.locator(".panel .full-text")).to_contain_text("dinosaurs")
    page.get_by_role("link", name="All details").click()
    expect(page.locator(".full-text")).to_contain_text("dinosaurs")
    page.locator("#history summary").click()
    expect(page.locator(".history-text")).to_have_text("My daughter Mia was born in May 2019.")

    page.goto("/memories/")
    row = page.locator(".memory", has_text="dinosaurs")
    row.locator(".memory-text").click()
    row.get_by_role("button", name="Make public").click()
    expect(row.get_by_role("button", name="Make private")).to_be_visible()
    assert [memory.text for memory in Memory.objects.filter(visibility="public")] == [
        "My daughter Mia was born in May 2019 and loves dinosaurs."
    ]

    row = page.locator(".memory", has_text="hazelnuts")
    row.locator(".memory-text").click()
    row.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("2 memories")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".memory", has_text="hazelnuts")).to_be_visible()
    expect(page.get_by_text("3 memories")).to_be_visible()


def test_pages_have_no_axe_violations(page: Page) -> None:
    for address in ("/", "/accounts/signup/", "/accounts/login/", "/accounts/password/reset/", "/nowhere/"):
        _expect_no_violation(page, address)
    _sign_up(page)
    _expect_no_violation(page, "/memories/")
    for text in ("I am allergic to hazelnuts.", "A long one. " * 60, "אני אוהב לטייל"):
        _add_memory(page, text, tags="health, food")
    own = Memory.objects.earliest("pk")
    app = make_app(user=own.owner)
    grant = allow(own.owner, app)
    registered = f"/developer/{app.application.client_id}/"
    for address in (
        "/memories/", "/memories/?q=hazelnuts", "/memories/?q=nothing+such", f"/memories/{own.pk}/", "/memories/new/",
        "/memories/trash/", "/accounts/", "/accounts/profile/", "/accounts/email/", "/accounts/password/change/",
        "/help/", "/accounts/apps/", f"/accounts/apps/{grant.pk}/", "/accounts/apps/activity/",
        "/developer/", registered, f"{registered}try/",
    ):  # fmt: skip
        _expect_no_violation(page, address)


def test_memory_pages_work_without_javascript(page: Page) -> None:
    assert page.context.browser is not None
    context = page.context.browser.new_context(base_url=page.url or None, java_script_enabled=False)
    plain = context.new_page()
    plain.goto(_get_origin(page) + "/accounts/signup/")
    plain.locator("main input[name=email]").fill("plain@example.org")
    plain.locator("input[name=password1]").fill(PASSWORD)
    plain.locator("main button[type=submit]").first.click()
    plain.locator("textarea[name=text]").fill("The zebra lives next door.")
    plain.get_by_role("button", name="Save").click()
    plain.locator("#q").fill("zebra")
    plain.get_by_role("button", name="Search").click()
    plain.get_by_role("link", name="zebra").click()
    plain.get_by_role("button", name="Make public").click()
    plain.get_by_role("button", name="Move to trash").click()
    plain.get_by_role("button", name="Undo").click()
    expect(plain.locator(".memory", has_text="zebra")).to_be_visible()
    assert Memory.objects.get().visibility == "public"
    for scheme, background in (("light", "rgb(243, 245, 242)"), ("dark", "rgb(15, 21, 23)")):
        plain.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(plain.locator("body")).to_have_css("background-color", background)
    context.close()


def _get_origin(page: Page) -> str:
    page.goto("/")
    return page.url.rstrip("/")


def _sign_up(page: Page) -> None:
    page.goto("/accounts/signup/")
    page.locator("main input[name=email]").fill("ada@example.org")
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("main button[type=submit]").first.click()
    expect(page.get_by_role("heading", name="Memories", exact=True)).to_be_visible()
    assert User.objects.get().email == "ada@example.org"


def _add_memory(page: Page, text: str, *, tags: str = "") -> None:
    page.goto("/memories/")
    page.locator("textarea[name=text]").fill(text)
    page.locator(".add input[name=tags]").fill(tags)
    page.locator("textarea[name=text]").press("Control+Enter")
    expect(page.locator(".memory").first).to_contain_text(text[:20])


def _search(page: Page, query: str) -> None:
    """Search while typing, once all memories are indexed and can be found by meaning."""
    expect(page.locator(".state-wait")).to_have_count(0, timeout=30_000)
    page.locator("#q").press_sequentially(query)
    expect(page.locator(".found")).to_be_visible()


def _expect_no_violation(page: Page, address: str) -> None:
    """Check both themes, which differ in colours only, including a target size of 24 px."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(address)
    results = run_axe(page, {"rules": {"target-size": {"enabled": True}}})
    assert results.response["violations"] == [], f"{address}: {results.generate_report()}"
    page.emulate_media(color_scheme="dark")
    contrast_violations = page.evaluate(
        "async () => (await axe.run({runOnly: ['color-contrast']})).violations"
    )
    assert contrast_violations == [], address
