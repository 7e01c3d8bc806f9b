"""An app that is a web page of another origin, in a real browser."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from accounts.models import User
from memories.models import Memory
from tests.chaos.people import signed_up
from tests.oauth.flows import access_token, make_app

pytestmark = pytest.mark.browser

FETCH = """async ([url, options]) => {
  try {
    const response = await fetch(url, options);
    const body = await response.text();
    return {status: response.status, headers: Object.fromEntries(response.headers), body};
  } catch (error) {
    return {status: 0, headers: {}, body: String(error)};
  }
}"""


class _BlankPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def app_page(browser: Browser) -> Iterator[Page]:
    """A page of another server on this machine, to which browsers send the cookies of the site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _BlankPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    yield page
    context.close()
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(page: Page, url: str, **options: Any) -> dict[str, Any]:
    """Return what a script of the page can read; status 0 if the browser withholds the response."""
    result: dict[str, Any] = page.evaluate(FETCH, [url, options])
    return result


def test_page_of_another_origin_discovers_and_uses_the_api_with_a_token(app_page: Page, site: str) -> None:
    version = {"MCP-Protocol-Version": "2025-11-25"}
    for path, status in (
        ("oauth-protected-resource/mcp", 200),
        ("oauth-authorization-server", 200),
        ("openid-configuration", 404),
    ):
        assert fetch(app_page, f"{site}/.well-known/{path}", headers=version)["status"] == status
    missing = fetch(app_page, f"{site}/api/v1/memories/")
    assert (missing["status"], "resource_metadata" in missing["headers"]["www-authenticate"]) == (401, True)
    with signed_up(site, "ada"):
        token = access_token(User.objects.get(), make_app(), resource=[f"{site}/api"])
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "1",
        }
        created = fetch(
            app_page,
            f"{site}/api/v1/memories/",
            method="POST",
            headers=headers,
            body='{"text": "From a page."}',
        )
        assert (created["status"], created["headers"]["etag"]) == (201, '"1"')
        url = f"{site}{created['headers']['location']}"
        assert fetch(app_page, url, method="DELETE", headers=headers | {"If-Match": '"1"'})["status"] == 204


def test_page_of_another_origin_cannot_use_the_session(app_page: Page, site: str) -> None:
    with signed_up(site, "ada") as [ada]:
        memory_id = ada.create("The zebra canary.")
        name = "picard_session"
        app_page.context.add_cookies([{"name": name, "value": ada.cookie(name), "url": site}])
        for credentials in ("include", "same-origin"):
            for path in ("/api/v1/memories/", f"/memories/{memory_id}/"):
                assert "canary" not in fetch(app_page, f"{site}{path}", credentials=credentials)["body"]
        sent = {"method": "POST", "body": '{"text": "Forged."}', "credentials": "include"}
        for content_type in ("application/json", "text/plain"):
            fetch(app_page, f"{site}/api/v1/memories/", headers={"Content-Type": content_type}, **sent)
        assert Memory.objects.count() == 1
        # The cookie does authenticate: the site's own page can read the memory with it.
        app_page.goto(site)
        assert "canary" in fetch(app_page, f"{site}/api/v1/memories/")["body"]
