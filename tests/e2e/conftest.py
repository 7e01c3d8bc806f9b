"""Browser fixtures: `manage.py up` in its own processes, Chromium, and the real local embedder."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.processes import serving

# Chromium sends no requests except to the server under test.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
TIMEOUT_MS = 60_000  # long enough for a busy machine
SCHEMES = "cursor vscode vscode-insiders com.example.app"  # private-use schemes that apps can register
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="session")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Chromium. The database exists before: within Playwright's event loop Django has another connection."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is missing, and CI=true: install it (.ci/run does)")
        pytest.skip("chromium is missing: apt-get install chromium")
    # Playwright's sync API runs an event loop in this thread, in which Django's ORM otherwise refuses to run.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def _running(django_db_setup: None) -> Iterator[str]:
    """Start one server for all browser tests, which run last in a process (tests/conftest.py)."""
    with serving(EMBEDDING_PROVIDER="local", OAUTH_REDIRECT_SCHEMES=SCHEMES) as address:
        yield address


@pytest.fixture
def site(_running: str, shared_db: None) -> str:
    """Return the URL of a running Picard on this process's database, without users."""
    return _running


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """Open a phone-sized page; the test fails on any script or policy error, or request to another site."""
    context = browser.new_context(base_url=site, viewport={"width": 390, "height": 844}, locale="en")
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if _is_unexpected_error(message) else None)
    page.on(
        "request",
        lambda request: None if request.url.startswith((site, "data:")) else errors.append(request.url),
    )
    yield page
    context.close()
    assert errors == []


def _is_unexpected_error(message: ConsoleMessage) -> bool:
    """Return whether it is an error, except for expected 404 and 422 responses."""
    expected = ("the server responded with a status of 404", "the server responded with a status of 422")
    return message.type == "error" and not any(text in message.text for text in expected)
