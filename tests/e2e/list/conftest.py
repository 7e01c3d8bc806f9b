"""A page whose requests a test lets fail."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import TIMEOUT_MS


@pytest.fixture
def shaky_page(browser: Browser, site: str) -> Iterator[Page]:
    """Open a page like `page`, but failed requests, which browsers report as errors, are expected."""
    context = browser.new_context(base_url=site, viewport={"width": 390, "height": 844}, locale="en")
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
