"""docs/examples/notes and Picard as real processes: connect, limit access, use, disconnect."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from picard.config.paths import PROJECT
from tests.e2e.test_first_walk import PASSWORD
from tests.processes import answers, end_with_parent, environment, free_port, stop_process, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def notes(site: str, tmp_path: Path) -> Iterator[str]:
    """Return the URL of Notes, newly registered with the running Picard."""
    port = free_port()
    env = environment(PUBLIC_URL=site, NOTES_HOME=str(tmp_path), NOTES_PORT=str(port))
    env.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "docs/examples/notes/start.py"]
    process = subprocess.Popen(command, cwd=PROJECT, env=env, preexec_fn=end_with_parent)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/"), seconds=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop_process(process)


def test_notes_accesses_allowed_memories_until_disconnected(
    browser: Browser, site: str, notes: str, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en")
    page = context.new_page()
    page.goto(notes)
    page.get_by_role("button", name="Connect with Picard").click()
    page.get_by_role("link", name="Sign up").last.click()
    page.locator("main input[name=email]").fill("ada@example.org")
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("main button[type=submit]").first.click()
    expect(page.get_by_role("heading", name="Notes requests access to your memories")).to_be_visible()

    _add_two_memories(context.new_page(), site)
    page.reload()
    page.get_by_label("Only memories with these tags").check()
    page.get_by_label("work (1)").check()
    page.get_by_role("button", name="Allow").click()

    expect(page.get_by_text("I write Python.")).to_be_visible()
    expect(page.get_by_text("My daughter is Mia.")).to_have_count(0)
    page.get_by_label("New note").fill("Reviews are on <b>Mondays</b>.")
    page.get_by_role("button", name="Save note").click()
    note = page.locator("li", has_text="Reviews are on <b>Mondays</b>.")
    expect(note).to_contain_text("work")
    note.get_by_role("link", name="Edit").click()
    page.get_by_label("Note", exact=True).fill("Reviews are on Tuesdays.")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Search by word or meaning").fill("Tuesdays")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Reviews are on Tuesdays.")).to_be_visible()
    assert b"picard_" not in (tmp_path / "notes.sqlite3").read_bytes()

    _disconnect(context.new_page(), site)
    page.goto(f"{notes}/notes/")
    expect(page.get_by_role("heading", name="Notes no longer has access")).to_be_visible()
    expect(page.get_by_role("button", name="Connect with Picard")).to_be_visible()
    context.close()


def _add_two_memories(page: Page, site: str) -> None:
    for text, tag in (("I write Python.", "work"), ("My daughter is Mia.", "family")):
        page.goto(f"{site}/memories/")
        page.locator("textarea[name=text]").fill(text)
        page.locator(".add input[name=tags]").fill(tag)
        page.locator("textarea[name=text]").press("Control+Enter")
        expect(page.locator(".memory").first).to_contain_text(text)


def _disconnect(page: Page, site: str) -> None:
    page.goto(f"{site}/accounts/apps/")
    page.get_by_role("link", name="Notes", exact=True).click()
    page.locator("summary", has_text="Disconnect").click()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("Notes was disconnected.")).to_be_visible()
