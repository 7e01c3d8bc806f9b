"""The product as people meet it: `manage.py up` in its own processes, a real browser, the real local embedder."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.processes import serving

# Chromium speaks to nobody but the page's own server.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
PATIENCE_MS = 60_000  # a busy machine decides nothing
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is missing, and CI=true: install it (.ci/run does)")
        pytest.skip("chromium is missing: apt-get install chromium")
    # Playwright's synchronous form runs an event loop in this thread; Django would refuse its ORM beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def _running(django_db_setup: None) -> Iterator[str]:
    """One for all walks: they are the last tests of a process (tests/conftest.py), so no other ones are beside it."""
    with serving(EMBEDDING_PROVIDER="local") as address:
        yield address


@pytest.fixture
def site(_running: str, shared_db: None) -> str:
    """The address of a running Picard on this process's database; nobody is there yet."""
    return _running


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A phone-sized window that fails the test on any error of script or policy."""
    context = browser.new_context(base_url=site, viewport={"width": 390, "height": 844}, locale="en")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    page.on(
        "request",
        lambda request: None if request.url.startswith((site, "data:")) else errors.append(request.url),
    )
    yield page
    context.close()
    assert errors == []


def _is_fault(message: ConsoleMessage) -> bool:
    """Chromium also calls it an error when a page is not found, or a form refused, on purpose."""
    on_purpose = ("the server responded with a status of 404", "the server responded with a status of 422")
    return message.type == "error" and not any(said in message.text for said in on_purpose)
