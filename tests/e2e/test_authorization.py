"""The way back from the consent page to the app in Chromium, for every kind of redirect URI."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from oauth.models import AppGrant
from tests.e2e.test_first_walk import PASSWORD, _sign_up

pytestmark = pytest.mark.browser
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
DESKTOP = "vscode://notes/done"
# Uppercase, because schemes are case-insensitive (RFC 3986 3.1).
PRIVATE_USE = (
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "vscode://claude.ai/callback?window=1",
    "com.example.app:/callback",
    "Cursor://anysphere.cursor-mcp/other",
)


@dataclass
class WebApp:
    """An app that listens on every kind of loopback address, and with TLS. `received`: method, URL, Referer."""

    origins: dict[str, str] = field(default_factory=dict)
    received: list[tuple[str, str, str | None]] = field(default_factory=list)

    def list_redirect_uris(self) -> list[str]:
        """Return callbacks that answer, that redirect to another origin, and that redirect to a desktop app."""
        own = [f"{origin}/callback" for origin in self.origins.values()]
        onward = [
            f"{self.origins[name]}/{path}" for name in ("https", "name") for path in ("onward", "desktop")
        ]
        return own + onward


class V6Server(ThreadingHTTPServer):
    address_family = AF_INET6


@pytest.fixture
def web_app(tmp_path: Path) -> Iterator[WebApp]:
    app = WebApp()

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            app.received.append((self.command, self.path, self.headers["Referer"]))
            path = urlsplit(self.path).path
            onward = {"/onward": f"{app.origins['IPv4']}/done", "/desktop": DESKTOP}.get(path)
            self.send_response(302 if onward else 200)
            self.send_header("Location", onward or "")
            self.end_headers()
            self.wfile.write(b"Connected")

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ExitStack() as stack:
        secure = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Callback))
        secure.socket = _build_tls_context(tmp_path).wrap_socket(
            secure.socket, server_side=True, do_handshake_on_connect=False
        )
        v6, v4 = map(stack.enter_context, _listen_on_one_port(Callback))
        for server in (secure, v6, v4):
            Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        app.origins = {
            "https": f"https://127.0.0.1:{secure.server_port}",
            "IPv6": f"http://[::1]:{v6.server_port}",
            "IPv4": f"http://127.0.0.1:{v4.server_port}",
            "name": f"http://localhost:{v4.server_port}",
        }
        yield app


def _listen_on_one_port(handler: type[BaseHTTPRequestHandler]) -> tuple[HTTPServer, HTTPServer]:
    """Return servers for both addresses of `localhost`, of which the browser may use either."""
    while True:
        v6 = V6Server(("::1", 0), handler)
        try:
            return v6, ThreadingHTTPServer(("127.0.0.1", v6.server_port), handler)
        except OSError:  # another program uses the port
            v6.server_close()


def _build_tls_context(folder: Path) -> ssl.SSLContext:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture
def person(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[Page]:
    """A signed-up user's page that may leave the site; without JavaScript if the parameter is False."""
    context = browser.new_context(
        base_url=site,
        viewport={"width": 390, "height": 844},
        locale="en",
        ignore_https_errors=True,
        java_script_enabled=getattr(request, "param", True),
    )
    page = context.new_page()
    _sign_up(page)
    yield page
    context.close()


@pytest.mark.parametrize(
    ("person", "button", "parameter"),
    [(True, "Allow", "code"), (False, "Cancel", "error")],
    ids=["allow with scripts", "cancel without scripts"],
    indirect=["person"],
)
def test_answer_reaches_the_app_at_every_kind_of_redirect_uri(
    person: Page, button: str, parameter: str, site: str, web_app: WebApp
) -> None:
    redirect_uris = [*web_app.list_redirect_uris(), *PRIVATE_USE]
    client_id = _register(site, redirect_uris)
    for redirect_uri in redirect_uris:
        web_app.received.clear()
        page = person.context.new_page()  # Chromium's question whether to open an app blocks the page
        page.goto(_build_request(client_id, redirect_uri))
        is_answer = partial(_is_answer, redirect_uri)
        is_last = partial(_is_answer, DESKTOP) if redirect_uri.endswith("/desktop") else is_answer
        with page.expect_request(is_answer) as answer, page.expect_request(is_last):
            page.get_by_role("button", name=button).click()
        parameters = parse_qs(urlsplit(answer.value.url).query)
        assert (answer.value.method, parameters["state"], parameters["iss"]) == ("GET", ["a b&c"], [site])
        assert parameter in parameters
        if redirect_uri in PRIVATE_USE:
            link = page.get_by_role("link", name="Return to Notes")
            # As registered. Chromium requests a scheme in lower case (RFC 3986 3.1).
            assert str(link.get_attribute("href")).startswith(redirect_uri)
            assert link.evaluate("link => link.href") == answer.value.url
        elif is_last is is_answer:
            expect(page.locator("body")).to_have_text("Connected")
            assert {method for method, _path, _referer in web_app.received} == {"GET"}
            [referer] = [
                referer for _method, path, referer in web_app.received if "code=" in path or "error=" in path
            ]
            assert referer is None  # it would contain the request's parameters
        page.close()
    assert AppGrant.objects.exists() == (button == "Allow")


def test_going_back_from_the_app_shows_the_consent_page(person: Page, site: str, web_app: WebApp) -> None:
    """The page that returns to the app is not in the history, so that Back does not return to the app again."""
    redirect_uri = f"{web_app.origins['name']}/callback"
    person.goto(_build_request(_register(site, [redirect_uri]), redirect_uri))
    person.get_by_role("button", name="Allow").click()
    expect(person.locator("body")).to_have_text("Connected")
    person.go_back()
    expect(person.get_by_role("button", name="Allow")).to_be_visible()
    assert len([path for _method, path, _referer in web_app.received if "code=" in path]) == 1


def test_stranger_signs_up_on_the_way_and_ends_at_the_app(
    browser: Browser, site: str, web_app: WebApp
) -> None:
    """In a pop-up, as web apps open it: the callback page can still report to the page that opened it."""
    redirect_uri = f"{web_app.origins['IPv4']}/callback"
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en")
    opener = context.new_page()
    opener.goto(f"{web_app.origins['IPv4']}/start")
    request = _build_request(_register(site, [redirect_uri]), redirect_uri)
    with opener.expect_popup() as popup:
        opener.evaluate("url => { open(url) }", site + request)
    page = popup.value
    expect(
        page.get_by_text("An app that calls itself “Notes” requests access to your memories.")
    ).to_be_visible()
    page.locator("header").get_by_role("link", name="Sign up").click()
    page.locator("main input[name=email]").fill("ada@example.org")
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.locator("body")).to_have_text("Connected")
    assert page.evaluate("opener.location.pathname") == "/start"
    context.close()


def _register(site: str, redirect_uris: list[str]) -> str:
    metadata = {
        "client_name": "Notes",
        "redirect_uris": redirect_uris,
        "token_endpoint_auth_method": "none",
    }
    response = httpx.post(f"{site}/oauth/register/", json=metadata)
    assert response.status_code == 201, response.text
    return str(response.json()["client_id"])


def _build_request(client_id: str, redirect_uri: str) -> str:
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "memories:read memories:write",
        "state": "a b&c",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"/oauth/authorize/?{urlencode(parameters)}"


def _is_answer(redirect_uri: str, request: Request) -> bool:
    """Return whether the browser navigates to this redirect URI. It writes schemes in lower case."""
    return request.url.lower().startswith(redirect_uri.lower())
