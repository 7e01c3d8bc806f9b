"""Ada at a page, behind a line that tests make slow or cut."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from accounts.models import User
from tests.e2e.conftest import TIMEOUT_MS
from tests.e2e.typing.proxy import Line, line_to
from tests.factories import make_person


@pytest.fixture
def person(site: str) -> User:
    return make_person("ada", first_steps_hidden=True)


@pytest.fixture
def line(site: str) -> Iterator[Line]:
    with line_to(site) as line:
        yield line


def log_in(context: BrowserContext, line: Line, person: User) -> None:
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": line.url}])


@pytest.fixture(params=[{"width": 1280, "height": 860}])
def desk(browser: Browser, line: Line, person: User, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Ada's list of memories. Failed requests are logged in the console; scripts must not fail."""
    context = browser.new_context(
        base_url=line.url, viewport=request.param, locale="en", reduced_motion="reduce"
    )
    context.set_default_timeout(TIMEOUT_MS)
    log_in(context, line, person)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/memories/")
    yield page
    line.repair()
    context.close()
    assert errors == []
