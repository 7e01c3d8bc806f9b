"""docs/examples/notes as a process, before a Picard that is played: it refreshes once, and says what went wrong."""

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
from tests.processes import _end, answers, free_port, wait_until

FOLDER = PROJECT / "docs" / "examples" / "notes"
MEMORY = {"id": str(UUID(int=7)), "text": "I write Python.", "tags": ["work"], "version": 3}
PERSON = {"person": {"id": str(UUID(int=1)), "display_name": "Ada", "handle": "ada"}}
TOKENS = {
    "access_token": "picard_at_1",
    "refresh_token": "picard_rt_1",
    "token_type": "Bearer",
    "expires_in": 900,
}
FRESH, STALE = TOKENS, TOKENS | {"expires_in": 1}  # the app renews half a minute before the end


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    hangs_up: bool = False


def problem(status: int, code: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status,
        {"code": code, "detail": "Said by Picard."},
        {"Content-Type": "application/problem+json", **named},
    )


class Played:
    """A Picard that answers what a test has told it to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.reset()

    def reset(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answers = {
            "/.well-known/oauth-authorization-server": Answer(body=self._metadata()),
            "/oauth/token/": Answer(body=FRESH),
            "/oauth/revoke/": Answer(),
            "/api/v1/whoami/": Answer(body=PERSON),
            "/api/v1/memories/": Answer(body={"results": [MEMORY]}),
            "/api/v1/memories/search/": Answer(body={"results": [{"memory": MEMORY}]}),
            f"/api/v1/memories/{MEMORY['id']}/": Answer(body=MEMORY),
        }

    def count(self, path: str) -> int:
        return sum(1 for _method, asked, _headers, _body in self.asked if asked == path)

    def _metadata(self) -> dict[str, str]:
        ends = {f"{name}_endpoint": f"{self.address}/oauth/{name}/" for name in ("token", "authorization")}
        return {"issuer": self.address, "revocation_endpoint": f"{self.address}/oauth/revoke/", **ends}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        played = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                path = urlsplit(self.path).path
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                played.asked.append((self.command, path, dict(self.headers), body))
                answer = played.answers.get(path, Answer(404))
                time.sleep(answer.after_s)
                if answer.hangs_up:
                    return
                said = b"" if answer.body is None else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    picard = Played()
    thread = threading.Thread(target=picard.server.serve_forever)
    thread.start()
    yield picard
    picard.server.shutdown()
    thread.join()
    picard.server.server_close()


@pytest.fixture(scope="module")
def notes(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Notes."""
    port, home = free_port(), tmp_path_factory.mktemp("notes")
    address = f"http://127.0.0.1:{port}"
    own = {
        "PICARD_URL": played.address,
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
        serve, env=own, cwd=FOLDER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: answers(f"{address}/"), seconds=60)
        yield address
    finally:
        _end(process)


class Visitor:
    """A browser that follows no redirect by itself."""

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

    def ask(self) -> dict[str, str]:
        """What Notes asks of Picard, in the address it sends the browser to."""
        sent_to = urlsplit(self.post("/connect/").headers["Location"])
        return {name: values[0] for name, values in parse_qs(sent_to.query).items()}

    def come_back(self, played: Played, **changes: str) -> httpx.Response:
        asked = self.ask()
        return self.get(
            "/callback/", **({"code": "c", "state": asked["state"], "iss": played.address} | changes)
        )


@pytest.fixture
def visitor(notes: str, played: Played) -> Iterator[Visitor]:
    played.reset()
    visitor = Visitor(notes)
    yield visitor
    visitor.http.close()


@pytest.fixture
def ada(visitor: Visitor, played: Played) -> Visitor:
    """Connected, and shown her notes."""
    assert visitor.come_back(played).headers["Location"] == "/notes/"
    return visitor


def test_it_asks_with_pkce_state_and_a_resource(visitor: Visitor, played: Played) -> None:
    asked = visitor.ask()
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert asked["resource"] == f"{played.address}/api"
    assert len(asked["state"]) >= 16


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "other"}, "belongs to no question of this browser"),
        ({"iss": "https://evil.example"}, "comes from another server"),
        ({"iss": ""}, "comes from another server"),
        ({"error": "access_denied"}, "You said no."),
        ({"error": "server_error"}, "Picard refused the question."),
    ],
)
def test_a_wrong_answer_is_not_taken(
    visitor: Visitor, played: Played, changes: dict[str, str], words: str
) -> None:
    page = visitor.come_back(played, **changes)
    assert (page.status_code, words in page.text) == (400, True)
    assert "Connect with Picard" in page.text
    assert played.count("/oauth/token/") == 0
    assert visitor.get("/notes/").headers["Location"] == "/"


def test_an_answer_counts_once(ada: Visitor, played: Played) -> None:
    again = ada.get("/callback/", code="c", state="", iss=played.address)
    assert again.status_code == 400


def test_a_code_that_is_not_taken_is_said(visitor: Visitor, played: Played) -> None:
    played.answers["/oauth/token/"] = Answer(400, {"error": "invalid_grant"})
    page = visitor.come_back(played)
    assert (page.status_code, "did not take the code" in page.text) == (400, True)


def test_two_requests_at_once_refresh_once(visitor: Visitor, played: Played) -> None:
    played.answers["/oauth/token/"] = Answer(body=STALE)
    visitor.come_back(played)
    newer = FRESH | {"access_token": "picard_at_2", "refresh_token": "picard_rt_2"}
    played.answers["/oauth/token/"] = Answer(body=newer, after_s=0.3)
    played.asked.clear()
    cookies = dict(visitor.http.cookies)
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda _: httpx.get(f"{visitor.address}/notes/", cookies=cookies), range(2)))
    assert [page.status_code for page in pages] == [200, 200]
    assert played.count("/oauth/token/") == 1
    shown = {
        headers["Authorization"] for _m, path, headers, _b in played.asked if path == "/api/v1/memories/"
    }
    assert shown == {"Bearer picard_at_2"}


def test_a_token_that_ended_early_is_renewed_once_and_the_call_repeated(ada: Visitor, played: Played) -> None:
    played.answers["/api/v1/memories/"] = problem(401, "invalid_token")
    page = ada.get("/notes/")
    assert (page.status_code, "no longer lets Notes in" in page.text) == (401, True)
    assert (played.count("/oauth/token/"), played.count("/api/v1/memories/")) == (2, 2)


DOWN = "Picard does not answer"


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Answer(hangs_up=True), 503, DOWN),
        (Answer(503, {}, {"Retry-After": "5"}), 503, DOWN),
        (Answer(502, None, {"Content-Type": "text/html"}), 503, DOWN),
        (
            problem(403, "insufficient_scope", WWW_Authenticate='Bearer scope="memories:read"'),
            403,
            "memories:read",
        ),
        (problem(429, "rate_limited", Retry_After="7"), 429, "wait 7 seconds"),
        (problem(404, "not_found"), 404, "There is no such memory"),
        (problem(400, "invalid"), 400, "Said by Picard."),
        (problem(418, "teapot"), 502, "That did not work"),
    ],
)
def test_what_goes_wrong_is_a_page_in_plain_words(
    ada: Visitor, played: Played, answer: Answer, status: int, words: str
) -> None:
    played.answers["/api/v1/memories/"] = answer
    page = ada.get("/notes/")
    assert (page.status_code, words in page.text) == (status, True)
    played.answers["/api/v1/memories/"] = Answer(body={"results": [MEMORY]})
    assert "I write Python." in ada.get("/notes/").text  # it was no more than that


def test_when_access_is_revoked_one_may_connect_again(ada: Visitor, played: Played) -> None:
    played.answers["/api/v1/memories/"] = problem(401, "invalid_token")
    played.answers["/oauth/token/"] = Answer(400, {"error": "invalid_grant"})
    page = ada.get("/notes/")
    assert (page.status_code, "Connect with Picard" in page.text) == (401, True)


@pytest.mark.parametrize("answer", [Answer(hangs_up=True), Answer(503, {})])
def test_a_picard_that_is_down_while_it_refreshes_ends_nothing(
    visitor: Visitor, played: Played, answer: Answer
) -> None:
    played.answers["/oauth/token/"] = Answer(body=STALE)
    visitor.come_back(played)
    played.answers["/oauth/token/"] = answer
    page = visitor.get("/notes/")
    assert (page.status_code, DOWN in page.text) == (503, True)
    played.answers["/oauth/token/"] = Answer(body=FRESH)
    assert visitor.get("/notes/").status_code == 200


def test_a_note_that_somebody_changed_meanwhile_is_not_overwritten(ada: Visitor, played: Played) -> None:
    path = f"/notes/{MEMORY['id']}/"
    assert ada.post(path, seen_at=path, text="Mine.", version="3").headers["Location"] == "/notes/"
    sent = [headers["If-Match"] for method, _path, headers, _body in played.asked if method == "PATCH"]
    assert sent == ['"3"']
    played.answers[f"/api/v1/memories/{MEMORY['id']}/"] = problem(412, "version_conflict")
    page = ada.post(path, text="Mine.", version="3", seen_at="/notes/")
    assert (page.status_code, "It was changed meanwhile" in page.text) == (409, True)


ADDED = ("POST", "/api/v1/memories/")


def test_a_note_that_is_sent_twice_is_one(ada: Visitor, played: Played) -> None:
    for _ in range(2):
        ada.post("/notes/add/", seen_at="/notes/", text="Once.", key="one-key")
    sent = [headers for method, path, headers, _body in played.asked if (method, path) == ADDED]
    assert [headers["Idempotency-Key"] for headers in sent] == ["one-key", "one-key"]


def test_what_waits_for_the_persons_yes_is_not_passed_over_in_silence(ada: Visitor, played: Played) -> None:
    waits = Answer(202, {"status": "waits_for_yes", "proposals": [], "detail": "Nothing is saved yet."})
    edited = f"/notes/{MEMORY['id']}/"
    played.answers |= {"/api/v1/memories/": waits, f"/api/v1/memories/{MEMORY['id']}/": waits}
    for path in ("/notes/add/", edited):
        answer = ada.post(path, seen_at="/notes/waiting/", text="Mine.", key="k", version="3")
        assert answer.headers["Location"] == "/notes/waiting/"
    assert f"{played.address}/memories/review/" in ada.get("/notes/waiting/").text


def test_without_a_picard_it_says_what_to_start(tmp_path: Path) -> None:
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


def test_tokens_that_cannot_be_given_back_are_not_forgotten(ada: Visitor, played: Played) -> None:
    played.answers["/oauth/revoke/"] = Answer(503, {})
    page = ada.post("/disconnect/", seen_at="/notes/")
    assert (page.status_code, DOWN in page.text) == (503, True)
    assert ada.get("/notes/").status_code == 200


def test_disconnecting_gives_the_tokens_back(ada: Visitor, played: Played) -> None:
    ada.post("/disconnect/", seen_at="/notes/")
    [given] = [body for _m, path, _h, body in played.asked if path == "/oauth/revoke/"]
    assert parse_qs(given)["token"] == ["picard_rt_1"]
    assert ada.get("/notes/").headers["Location"] == "/"
