"""Every page that the URL configuration has, in a browser: a clean console, no other host, a link to connect an app.

Django renders the pages, and the browser opens them without a server: their scripts and policies are what matters here.
"""

import mimetypes
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route

from accounts.models import User
from tests.records.pages import list_urls
from tests.records.world import plant_canaries

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
PHONE = {"width": 390, "height": 844}
ORIGIN = "http://localhost"  # browsers trust it as they trust https
ADVICE = "[DOM]"  # of Chromium about forms, which pages of password managers and the vendored viewer cause
NOWHERE = "/nowhere/"
MCP = "/mcp"  # no page, and asynchronous, which this thread cannot be within Playwright's loop
ADMIN_MODEL = "/admin/accounts/user/"  # the pages of the other models have the same templates
PROLOGUE_CHARACTERS = 300
HAS_LINK_TO_CONNECT = """() => [...document.querySelectorAll("a[href='/connect/']")]
    .some(each => each.checkVisibility())"""


class RenderedPages:
    """Pages that Django rendered before, by path, for one browser tab, and what is wrong with them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        self._pages: dict[str, Any] = {}  # Django's test client adds to its responses
        self._path = ""
        page.on("console", self._read_console)
        page.on("pageerror", lambda error: self._add(str(error)))
        page.on("request", self._check_request)
        page.route("**/*", self._serve)

    def render(self, client: Client, urls: Iterable[str]) -> list[str]:
        """Render the pages that the URLs lead to; return their paths, without parts for htmx and files."""
        self._pages, found = {}, []
        for url in urls:
            response = client.get(url, follow=True)
            if response.streaming:
                list(response)  # else a file ends in Playwright's loop, where Django has another connection
                continue
            path = response.request["PATH_INFO"]
            is_page = response.status_code == 200 and b"<html" in response.content[:PROLOGUE_CHARACTERS]
            if is_page and path not in self._pages:
                found.append(path)
            self._pages[path] = response
        return found

    def open(self, path: str) -> None:
        self._path = path
        self.page.goto(path, wait_until="load")

    def _serve(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if response := self._pages.get(path):
            route.fulfill(
                status=response.status_code, headers=dict(response.headers), body=response.content.decode()
            )
        elif path.startswith("/static/"):
            content, content_type = read_static_file(path)
            route.fulfill(body=content, content_type=content_type)
        else:
            route.fulfill(status=204)  # a part that htmx asks for

    def _read_console(self, message: ConsoleMessage) -> None:
        is_expected = self._path == NOWHERE and "status of 404" in message.text
        if ADVICE not in message.text and not is_expected:
            self._add(f"{message.text} ({message.location['url']})")

    def _check_request(self, request: Request) -> None:
        if not request.url.startswith((ORIGIN, "data:")):
            self._add(f"request to {request.url}")

    def _add(self, fault: str) -> None:
        self.faults.append(f"{self._path}: {fault}")


@cache
def read_static_file(path: str) -> tuple[bytes, str]:
    file = finders.find(path.removeprefix("/static/"))
    assert isinstance(file, str), path
    return Path(file).read_bytes(), mimetypes.guess_type(file)[0] or "text/plain"


@pytest.fixture
def pages(browser: Browser) -> Iterator[RenderedPages]:
    with closing(browser.new_context(base_url=ORIGIN, locale="en", viewport=PHONE)) as context:  # type: ignore[arg-type]
        yield RenderedPages(context.new_page())


def test_no_page_says_anything_in_the_console(pages: RenderedPages, index: Callable[[], int]) -> None:
    world = plant_canaries(index)
    urls = [url for url in list_urls(world, once=True) if "logout" not in url and url != MCP]
    admin = [url for url in urls if url.startswith("/admin/")]
    own = [url for url in urls if url not in admin]
    kinds = [url for url in admin if url.count("/") <= 3]
    kinds += [
        f"{ADMIN_MODEL}{page}" for page in ("", *(f"{world.ada.pk}/{act}/" for act in ("change", "history")))
    ]
    for person, of_person, least in ((None, own, 8), (world.ada, own, 40), (world.root, kinds, 6)):
        paths = pages.render(log_in(person), [*of_person, NOWHERE])
        assert len(paths) >= least, paths
        for path in [*paths, NOWHERE]:
            pages.open(path)
            if person == world.ada:
                assert pages.page.evaluate(HAS_LINK_TO_CONNECT), path
    assert pages.faults == [], "\n".join(pages.faults)


def log_in(person: User | None) -> Client:
    """Return a client that logged in just now, so that pages that require a recent log-in open."""
    client = Client()
    if person is not None:
        client.force_login(person)
        session = client.session
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time(), "email": person.email}
        ]
        session.save()
    return client
