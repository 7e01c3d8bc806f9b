"""No language breaks a page: texts that are longer, and pages from right to left, fit on a phone."""

import mimetypes
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlencode, urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.template.autoreload import reset_loaders
from django.test import Client
from django.utils.translation import trans_real
from playwright.sync_api import Browser, Page, Route

from accounts.models import User
from memories.web import presenters
from oauth.models import AppGrant
from tests.e2e.languages.cut_texts import FIND_CUT_TEXTS
from tests.e2e.languages.pseudo import PseudoTranslations
from tests.factories import remember
from tests.oauth.flows import make_app
from tests.test_translation import OWN_PATHS, PUBLIC_PATHS

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
PHONE = {"width": 390, "height": 844}
ORIGIN = "http://pages.test"
FEATURED = ("/", "/memories/", "/memories/?q=zebra", "/accounts/profile/", "/accounts/apps/", "/help/")


class RenderedSite:
    """Pages that Django rendered before, for a browser without a server."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}

    def render(self, client: Client, path: str, language: str) -> None:
        response = client.get(path, headers={"accept-language": language}, follow=True)
        self.pages[path] = response.content.decode()

    def serve(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        path = url.path + (f"?{url.query}" if url.query else "")
        if path in self.pages:
            route.fulfill(body=self.pages[path], content_type="text/html; charset=utf-8")
            return
        file = finders.find(url.path.removeprefix("/static/"))
        if isinstance(file, str):
            route.fulfill(path=file, content_type=mimetypes.guess_type(file)[0] or "text/plain")
        else:
            route.fulfill(status=404)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    with closing(browser.new_context(base_url=ORIGIN, viewport=PHONE, reduced_motion="reduce")) as context:  # type: ignore[arg-type]
        yield context.new_page()


@pytest.fixture
def pseudo_german(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(trans_real._translations, "de", PseudoTranslations("de"))  # type: ignore[attr-defined]
    forget_rendered_texts()
    yield
    forget_rendered_texts()


def forget_rendered_texts() -> None:
    """Drop what templates and rows keep of a language."""
    reset_loaders()
    presenters._describe_age.cache_clear()
    presenters._format_date.cache_clear()


@pytest.fixture
def visits(
    ada: User, ada_client: Client, client: Client, index: Callable[[], int]
) -> list[tuple[Client, str]]:
    """Every kind of page with content, and who visits it."""
    memory = remember(ada, "The zebra lives next door.", tags=["animals"])
    remember(ada, "Something public.", visibility="public")
    app = make_app(name="Notes")
    app.connect(ada)
    index()
    own = [*OWN_PATHS, f"/memories/{memory.pk}/"]
    own += [f"/accounts/apps/{AppGrant.objects.get().pk}/", f"/oauth/authorize/?{urlencode(app.request())}"]
    return [(client, path) for path in PUBLIC_PATHS] + [(ada_client, path) for path in own]


def find_cut_texts(phone: Page, site: RenderedSite) -> dict[str, list[str]]:
    phone.route("**/*", site.serve)
    found = {}
    for path in site.pages:
        phone.goto(path, wait_until="load")
        if cut := phone.evaluate(FIND_CUT_TEXTS):
            found[path] = cut
    return found


def test_longer_texts_fit_on_a_phone(
    phone: Page, visits: list[tuple[Client, str]], pseudo_german: None
) -> None:
    site = RenderedSite()
    for client, path in visits:
        site.render(client, path, "de")
    assert [path for path, page in site.pages.items() if "⟦" not in page] == []
    assert find_cut_texts(phone, site) == {}


def test_arabic_pages_fit_on_a_phone(phone: Page, visits: list[tuple[Client, str]]) -> None:
    site = RenderedSite()
    for client, path in visits:
        if path in FEATURED:
            site.render(client, path, "ar")
    assert all('lang="ar" dir="rtl"' in page for page in site.pages.values())
    assert find_cut_texts(phone, site) == {}
