"""docs/examples/notes as a process, with a fake Picard: log-in, token refresh and error pages."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet

from picard.config.paths import PROJECT
from tests.processes import answers, end_with_parent, free_port, stop_process, wait_until

FOLDER = PROJECT / "docs" / "examples" / "notes"
MEMORY = {"id": str(UUID(int=7)), "text": "I write Python.", "tags": ["work"], "version": 3}
PERSON = {"person": {"id": str(UUID(int=1)), "display_name": "Ada", "handle": "ada"}}
TOKENS = {
    "access_token": "picard_at_1",
    "refresh_token": "picard_rt_1",
    "token_type": "Bearer",
    "expires_in": 900,
}
FRESH, STALE = TOKENS, TOKENS | {"expires_in": 1}  # Notes refreshes half a minute before the expiry


@dataclass
class FakeResponse:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    closes_connection: bool = False


def make_problem(status: int, code: str, **headers: str) -> FakeResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FakeResponse(
        status,
        {"code": code, "detail": "Detail from Picard."},
        {"Content-Type": "application/problem+json", **named},
    )


class FakePicard:
    """A server that sends the responses that a test sets, and records its requests."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.reset()

    def reset(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], str]] = []
        self.answers = {
            "/.well-known/oauth-authorization-server": FakeResponse(body=self._metadata()),
            "/oauth/token/": FakeResponse(body=FRESH),
            "/oauth/revoke/": FakeResponse(),
            "/api/v1/whoami/": FakeResponse(body=PERSON),
            "/api/v1/memories/": FakeResponse(body={"results": [MEMORY]}),
            "/api/v1/memories/search/": FakeResponse(body={"results": [{"memory": MEMORY}]}),
            f"/api/v1/memories/{MEMORY['id']}/": FakeResponse(body=MEMORY),
        }

    def count(self, path: str) -> int:
        return sum(1 for _method, requested, _headers, _body in self.requests if requested == path)

    def _metadata(self) -> dict[str, str]:
        ends = {f"{name}_endpoint": f"{self.address}/oauth/{name}/" for name in ("token", "authorization")}
        return {"issuer": self.address, "revocation_endpoint": f"{self.address}/oauth/revoke/", **ends}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        picard = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                path = urlsplit(self.path).path
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                picard.requests.append((self.command, path, dict(self.headers), body))
                answer = picard.answers.get(path, FakeResponse(404))
                time.sleep(answer.after_s)
                if answer.closes_connection:
                    return
                content = b"" if answer.body is None else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def picard() -> Iterator[FakePicard]:
    picard = FakePicard()
    thread = threading.Thread(target=picard.server.serve_forever)
    thread.start()
    yield picard
    picard.server.shutdown()
    thread.join()
    picard.server.server_close()


@pytest.fixture(scope="module")
def notes(picard: FakePicard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of Notes."""
    port, home = free_port(), tmp_path_factory.mktemp("notes")
    address = f"http://127.0.0.1:{port}"
    own = {
        "PICARD_URL": picard.address,
        "PICARD_CLIENT_ID": "notes",
        "PICARD_CLIENT_SECRET": "picard_cs_x",
        "NOTES_URL": address,
        "NOTES_HOME": str(home),
        "NOTES_SECRET_KEY": "x" * 50,
        "NOTES_TOKEN_KEY": Fernet.generate_key().decode(),
        "PATH": "",
    }
    manage = [sys.executable, str(FOLDER / "manage.py")]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], env=own, cwd=FOLDER, check=True)
    serve = [*manage, "runserver", "--noreload", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        serve,
        env=own,
        cwd=FOLDER,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    try:
        wait_until(lambda: answers(f"{address}/"), seconds=60)
        yield address
    finally:
        stop_process(process)


class BrowserSession:
    """A browser that does not follow redirects."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.Client(base_url=address, timeout=30, follow_redirects=False)

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.http.get(path, params=query)

    def post(self, path: str, seen_at: str = "/", **form: str) -> httpx.Response:
        page = self.http.get(seen_at, follow_redirects=True).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token, page
        return self.http.post(path, data={**form, "csrfmiddlewaretoken": token[1]})

    def start_authorization(self) -> dict[str, str]:
        """Return the parameters of the authorization request that Notes redirects to."""
        url = urlsplit(self.post("/connect/").headers["Location"])
        return {name: values[0] for name, values in parse_qs(url.query).items()}

    def complete_authorization(self, picard: FakePicard, **changes: str) -> httpx.Response:
        request = self.start_authorization()
        return self.get(
            "/callback/", **({"code": "c", "state": request["state"], "iss": picard.address} | changes)
        )


@pytest.fixture
def browser(notes: str, picard: FakePicard) -> Iterator[BrowserSession]:
    picard.reset()
    browser = BrowserSession(notes)
    yield browser
    browser.http.close()


@pytest.fixture
def ada(browser: BrowserSession, picard: FakePicard) -> BrowserSession:
    """A browser that has connected to Picard."""
    assert browser.complete_authorization(picard).headers["Location"] == "/notes/"
    return browser


def test_authorization_request_has_pkce_state_and_resource(
    browser: BrowserSession, picard: FakePicard
) -> None:
    request = browser.start_authorization()
    assert request["code_challenge_method"] == "S256"
    assert len(request["code_challenge"]) == 43
    assert request["resource"] == f"{picard.address}/api"
    assert len(request["state"]) >= 16


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "other"}, "no pending request"),
        ({"iss": "https://evil.example"}, "comes from another server"),
        ({"iss": ""}, "comes from another server"),
        ({"error": "access_denied"}, "You declined access."),
        ({"error": "server_error"}, "Picard rejected the authorization request."),
    ],
)
def test_invalid_authorization_response_is_rejected(
    browser: BrowserSession, picard: FakePicard, changes: dict[str, str], words: str
) -> None:
    page = browser.complete_authorization(picard, **changes)
    assert (page.status_code, words in page.text) == (400, True)
    assert "Connect with Picard" in page.text
    assert picard.count("/oauth/token/") == 0
    assert browser.get("/notes/").headers["Location"] == "/"


def test_authorization_response_is_accepted_once(ada: BrowserSession, picard: FakePicard) -> None:
    again = ada.get("/callback/", code="c", state="", iss=picard.address)
    assert again.status_code == 400


def test_rejected_code_shows_an_error(browser: BrowserSession, picard: FakePicard) -> None:
    picard.answers["/oauth/token/"] = FakeResponse(400, {"error": "invalid_grant"})
    page = browser.complete_authorization(picard)
    assert (page.status_code, "rejected the authorization code" in page.text) == (400, True)


def test_concurrent_requests_refresh_once(browser: BrowserSession, picard: FakePicard) -> None:
    picard.answers["/oauth/token/"] = FakeResponse(body=STALE)
    browser.complete_authorization(picard)
    newer = FRESH | {"access_token": "picard_at_2", "refresh_token": "picard_rt_2"}
    picard.answers["/oauth/token/"] = FakeResponse(body=newer, after_s=0.3)
    picard.requests.clear()
    cookies = dict(browser.http.cookies)
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda _: httpx.get(f"{browser.address}/notes/", cookies=cookies), range(2)))
    assert [page.status_code for page in pages] == [200, 200]
    assert picard.count("/oauth/token/") == 1
    used_tokens = {
        headers["Authorization"] for _m, path, headers, _b in picard.requests if path == "/api/v1/memories/"
    }
    assert used_tokens == {"Bearer picard_at_2"}


def test_rejected_token_is_refreshed_once_and_the_request_repeated(
    ada: BrowserSession, picard: FakePicard
) -> None:
    picard.answers["/api/v1/memories/"] = make_problem(401, "invalid_token")
    page = ada.get("/notes/")
    assert (page.status_code, "Notes no longer has access" in page.text) == (401, True)
    assert (picard.count("/oauth/token/"), picard.count("/api/v1/memories/")) == (2, 2)


DOWN = "Picard is unavailable"


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (FakeResponse(closes_connection=True), 503, DOWN),
        (FakeResponse(503, {}, {"Retry-After": "5"}), 503, DOWN),
        (FakeResponse(502, None, {"Content-Type": "text/html"}), 503, DOWN),
        (
            make_problem(403, "insufficient_scope", WWW_Authenticate='Bearer scope="memories:read"'),
            403,
            "memories:read",
        ),
        (make_problem(429, "rate_limited", Retry_After="7"), 429, "Wait 7 seconds"),
        (make_problem(404, "not_found"), 404, "Memory not found"),
        (make_problem(400, "invalid"), 400, "Detail from Picard."),
        (make_problem(418, "teapot"), 502, "Something went wrong"),
    ],
)
def test_api_errors_are_shown_as_pages(
    ada: BrowserSession, picard: FakePicard, answer: FakeResponse, status: int, words: str
) -> None:
    picard.answers["/api/v1/memories/"] = answer
    page = ada.get("/notes/")
    assert (page.status_code, words in page.text) == (status, True)
    picard.answers["/api/v1/memories/"] = FakeResponse(body={"results": [MEMORY]})
    assert "I write Python." in ada.get("/notes/").text  # the connection still works


def test_revoked_access_offers_to_connect_again(ada: BrowserSession, picard: FakePicard) -> None:
    picard.answers["/api/v1/memories/"] = make_problem(401, "invalid_token")
    picard.answers["/oauth/token/"] = FakeResponse(400, {"error": "invalid_grant"})
    page = ada.get("/notes/")
    assert (page.status_code, "Connect with Picard" in page.text) == (401, True)


@pytest.mark.parametrize("answer", [FakeResponse(closes_connection=True), FakeResponse(503, {})])
def test_failed_refresh_keeps_the_connection(
    browser: BrowserSession, picard: FakePicard, answer: FakeResponse
) -> None:
    picard.answers["/oauth/token/"] = FakeResponse(body=STALE)
    browser.complete_authorization(picard)
    picard.answers["/oauth/token/"] = answer
    page = browser.get("/notes/")
    assert (page.status_code, DOWN in page.text) == (503, True)
    picard.answers["/oauth/token/"] = FakeResponse(body=FRESH)
    assert browser.get("/notes/").status_code == 200


def test_concurrently_changed_note_is_not_overwritten(ada: BrowserSession, picard: FakePicard) -> None:
    path = f"/notes/{MEMORY['id']}/"
    assert ada.post(path, seen_at=path, text="Mine.", version="3").headers["Location"] == "/notes/"
    sent = [headers["If-Match"] for method, _path, headers, _body in picard.requests if method == "PATCH"]
    assert sent == ['"3"']
    picard.answers[f"/api/v1/memories/{MEMORY['id']}/"] = make_problem(412, "version_conflict")
    page = ada.post(path, text="Mine.", version="3", seen_at="/notes/")
    assert (page.status_code, "Edit conflict" in page.text) == (409, True)


ADDED = ("POST", "/api/v1/memories/")


def test_resubmitted_note_has_the_same_idempotency_key(ada: BrowserSession, picard: FakePicard) -> None:
    for _ in range(2):
        ada.post("/notes/add/", seen_at="/notes/", text="Once.", key="one-key")
    sent = [headers for method, path, headers, _body in picard.requests if (method, path) == ADDED]
    assert [headers["Idempotency-Key"] for headers in sent] == ["one-key", "one-key"]


def test_change_that_needs_approval_is_announced(ada: BrowserSession, picard: FakePicard) -> None:
    waits = FakeResponse(202, {"status": "waits_for_yes", "proposals": [], "detail": "Nothing is saved yet."})
    edited = f"/notes/{MEMORY['id']}/"
    picard.answers |= {"/api/v1/memories/": waits, f"/api/v1/memories/{MEMORY['id']}/": waits}
    for path in ("/notes/add/", edited):
        answer = ada.post(path, seen_at="/notes/waiting/", text="Mine.", key="k", version="3")
        assert answer.headers["Location"] == "/notes/waiting/"
    assert f"{picard.address}/memories/review/" in ada.get("/notes/waiting/").text


def test_start_without_picard_says_how_to_start_it(tmp_path: Path) -> None:
    alone = {
        "PATH": "",
        "NOTES_HOME": str(tmp_path / "notes"),
        "DATABASE_URL": "postgresql:///none",
        "PORT": "1",
    }
    alone |= {"PICARD_ENV_FILE": "", "PICARD_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(FOLDER / "start.py")], env=alone, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("make run")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "notes" / ".env").exists()


def test_tokens_that_cannot_be_revoked_are_kept(ada: BrowserSession, picard: FakePicard) -> None:
    picard.answers["/oauth/revoke/"] = FakeResponse(503, {})
    page = ada.post("/disconnect/", seen_at="/notes/")
    assert (page.status_code, DOWN in page.text) == (503, True)
    assert ada.get("/notes/").status_code == 200


def test_disconnecting_revokes_the_tokens(ada: BrowserSession, picard: FakePicard) -> None:
    ada.post("/disconnect/", seen_at="/notes/")
    [body] = [body for _m, path, _h, body in picard.requests if path == "/oauth/revoke/"]
    assert parse_qs(body)["token"] == ["picard_rt_1"]
    assert ada.get("/notes/").headers["Location"] == "/"
