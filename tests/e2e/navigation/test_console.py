"""Every page that the URL configuration has, in a browser: a clean console, no other host, a link to connect an app.

The pages of staff, which are mostly those of Django's admin, are opened in the long form.
"""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Request, expect
from pytest_django import Settings

from accounts.models import User
from picard.settings import PASSWORD_HASHERS
from tests.chaos.report import IS_LONG, record
from tests.e2e.conftest import TIMEOUT_MS
from tests.factories import PASSWORD
from tests.records.pages import list_urls
from tests.records.world import World, plant_canaries

pytestmark = pytest.mark.browser
# Advice of Chromium about forms, which pages of password managers and the vendored viewer cause.
ADVICE = "[DOM]"
LEFT = "net::ERR_ABORTED"  # the page was left before the response
PROLOGUE_CHARACTERS = 300
NOWHERE = "/nowhere/"


class Walk:
    """Opens pages as one user, and collects what is wrong with them."""

    def __init__(self, browser: Browser, site: str, person: User | None) -> None:
        self._site, self._url = site, ""
        self.context = browser.new_context(base_url=site, locale="en", viewport={"width": 390, "height": 844})
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        if person is not None:  # by the form, so that pages that require a recent log-in open
            self.page.goto("/accounts/login/")
            self.page.locator("input[name=login]").fill(person.email)
            self.page.locator("input[name=password]").fill(PASSWORD)
            self.page.locator("input[name=password]").press("Enter")
            expect(self.page.get_by_role("heading", name="Memories", exact=True)).to_be_visible()
        self.page.on("console", self._read_console)
        self.page.on("pageerror", lambda error: self._add(str(error)))
        self.page.on("requestfailed", self._read_failure)
        self.page.on("request", self._check_request)

    def list_pages(self, world: World, *, of_staff: bool) -> list[str]:
        """Return the URLs of HTML pages, as this user reaches them, each once."""
        pages: dict[str, None] = {}
        for url in list_urls(world):
            if url.startswith("/admin/") == of_staff and "logout" not in url:
                response = self.context.request.get(url)
                if (
                    response.ok and "<html" in response.text()[:PROLOGUE_CHARACTERS]
                ):  # no part for htmx, no file
                    pages[urlsplit(response.url).path] = None
        return list(pages)

    def open(self, url: str) -> None:
        self._url = url
        self.page.goto(url, wait_until="load")

    def has_link_to_connect(self) -> bool:
        return self.page.locator("a[href='/connect/']").first.is_visible()

    def _read_console(self, message: ConsoleMessage) -> None:
        is_expected = self._url == NOWHERE and "status of 404" in message.text
        if ADVICE not in message.text and not is_expected:
            self._add(f"{message.text} ({message.location['url']})")

    def _read_failure(self, request: Request) -> None:
        if request.failure != LEFT:
            self._add(f"{request.url}: {request.failure}")

    def _check_request(self, request: Request) -> None:
        if not request.url.startswith((self._site, "data:")):
            self._add(f"request to {request.url}")

    def _add(self, fault: str) -> None:
        self.faults.append(f"{self._url}: {fault}")


@pytest.fixture
def walk(browser: Browser, site: str) -> Iterator[Callable[[User | None], Walk]]:
    walks: list[Walk] = []

    def start(person: User | None) -> Walk:
        walks.append(Walk(browser, site, person))
        return walks[-1]

    yield start
    for each in walks:
        each.context.close()


def test_no_page_says_anything_in_the_console(
    walk: Callable[[User | None], Walk], settings: Settings
) -> None:
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS  # the server checks them
    world = plant_canaries(lambda: 0)
    visitors: list[tuple[User | None, bool, int]] = [
        (None, False, 8),
        (world.ada, False, 40),
        (world.root, True, 20),
    ]
    for person, of_staff, least in visitors if IS_LONG else visitors[:2]:
        visit = walk(person)
        pages = visit.list_pages(world, of_staff=of_staff)
        assert len(pages) >= least, pages
        for url in [*pages, NOWHERE]:
            visit.open(url)
            if person is not None and not of_staff:
                assert visit.has_link_to_connect(), url
        record(
            "opened pages", tries=len(pages), lost=len(visit.faults), what="errors or requests to other hosts"
        )
        assert visit.faults == [], "\n".join(visit.faults)
