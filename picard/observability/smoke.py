"""`python -m picard.smoke URL`: walk a deployed site as a person and an app do, from health to a deleted memory.

It speaks HTTP alone, so it may run anywhere. It signs in as SMOKE_EMAIL with SMOKE_PASSWORD; without them it signs up
somebody new, where sign-up is open and mail is not set up. What it makes it deletes: the memory, the app's token and
its registration. An account that it made stays.
"""

import base64
import hashlib
import os
import re
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

REDIRECT = "https://smoke.invalid/callback"  # nobody lives there; the browser is never sent on
SCOPES = "memories:read memories:write"
PAUSE_S = 0.5
CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
SCOPE_CHECKBOX = re.compile(r'name="scopes" value="([^"]+)"')


class SmokeTestFailed(Exception):
    """The site did not do what it should; the message says what it did instead."""


@dataclass
class SmokeTest:
    """One walk over one site; each step fills in what the next ones need."""

    site: str
    email: str = ""
    password: str = ""
    timeout_s: float = 30.0
    found_by_meaning_s: float = 60.0  # how long the worker may take
    metadata: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    memory: str = ""
    word: str = field(default_factory=lambda: f"smoke{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.site = self.site.rstrip("/")
        self.browser = httpx.Client(
            base_url=self.site, timeout=self.timeout_s, headers={"Referer": f"{self.site}/"}
        )
        self.app = httpx.Client(base_url=self.site, timeout=self.timeout_s)

    def close(self) -> None:
        self.browser.close()
        self.app.close()

    @property
    def text(self) -> str:
        return f"A smoke test passed by here and left the word {self.word}."

    def list_steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("the server lives", self.is_alive),
            ("it is ready", self.is_ready),
            ("it says where OAuth is", self.discover_metadata),
            ("a person signs in", self.sign_in),
            ("an app registers itself", self.register_app),
            ("the person lets it in", self.authorize_app),
            ("the app makes a memory", self.create_memory),
            ("finds it by its word", self.find_by_word),
            ("finds it by its meaning", self.find_by_meaning),
            ("asks for it", self.ask_persona),
            ("deletes it", self.delete),
            ("is out again", self.revoke_access),
        ]

    # --- The site ---------------------------------------------------------------------------------------

    def is_alive(self) -> str:
        _expect_status(self.app.get("/healthz"), 200)
        return self.site

    def is_ready(self) -> str:
        checks = _expect_status(self.app.get("/readyz"), 200).json()
        return f"{checks['backlog']['pending']} memories wait for the worker, {checks['backlog']['failed']} failed"

    def discover_metadata(self) -> str:
        self.metadata = _expect_status(self.app.get("/.well-known/oauth-authorization-server"), 200).json()
        if self.metadata["issuer"] != self.site:
            raise SmokeTestFailed(
                f"its issuer is {self.metadata['issuer']}: PUBLIC_URL is another address than this one"
            )
        for path in ("api", "mcp"):
            resource = _expect_status(
                self.app.get(f"/.well-known/oauth-protected-resource/{path}"), 200
            ).json()
            if resource["authorization_servers"] != [self.site]:
                raise SmokeTestFailed(f"/{path} names other authorization servers")
        return ", ".join(self.metadata["code_challenge_methods_supported"])

    # --- The person -------------------------------------------------------------------------------------

    def sign_in(self) -> str:
        if self.email:
            page, form = "/accounts/login/", {"login": self.email, "password": self.password}
        else:
            self.email = f"smoke-{secrets.token_hex(6)}@example.org"
            page, form = "/accounts/signup/", {"email": self.email, "password1": secrets.token_urlsafe(18)}
        self._submit_form(page, form, expected=302)
        home = self.browser.get("/memories/")
        if home.status_code != 200:
            raise SmokeTestFailed(
                "not signed in afterwards; set SMOKE_EMAIL and SMOKE_PASSWORD to a verified account's"
            )
        return self.email

    def authorize_app(self) -> str:
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": REDIRECT,
            "scope": SCOPES,
            "state": state,
            "resource": f"{self.site}/api",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = f"{self.metadata['authorization_endpoint']}?{urlencode(asked)}"
        page = _expect_status(self.browser.get(address), 200).text
        yes = {"answer": "allow", "scopes": SCOPE_CHECKBOX.findall(page), "reach": "all"}
        answer = self._submit_form(address, yes, expected=303)
        sent = parse_qs(urlsplit(answer.headers["Location"]).query)
        if sent.get("state") != [state] or sent.get("iss") != [self.site]:
            raise SmokeTestFailed("the answer is not to this request, or not of this site")
        self.token = self._exchange_code(sent["code"][0], verifier)
        return str(_expect_status(self._call_api("GET", "whoami/"), 200).json().get("scopes", SCOPES))

    # --- The app ----------------------------------------------------------------------------------------

    def register_app(self) -> str:
        metadata = {
            "client_name": "Smoke test",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        }
        self.client = _expect_status(
            self.app.post(self.metadata["registration_endpoint"], json=metadata), 201
        ).json()
        return str(self.client["client_id"])

    def create_memory(self) -> str:
        key = {"Idempotency-Key": secrets.token_hex(16)}
        made = _expect_status(
            self._call_api("POST", "memories/", json={"text": self.text}, headers=key), 201
        ).json()
        self.memory = made["id"]
        if made["visibility"] != "private":
            raise SmokeTestFailed("an app's memory is not private")
        return self.memory

    def find_by_word(self) -> str:
        if self.memory not in self._search_memories(self.word):
            raise SmokeTestFailed(f"the word {self.word} does not find it")
        return self.word

    def find_by_meaning(self) -> str:
        until, question = time.monotonic() + self.found_by_meaning_s, "examination of a deployment"
        while self._get_memory()["state"] != "ready":
            if time.monotonic() > until:
                raise SmokeTestFailed(
                    f"not indexed within {self.found_by_meaning_s:.0f} s: does a worker run?"
                )
            time.sleep(PAUSE_S)
        if self.memory not in self._search_memories(question):
            raise SmokeTestFailed("indexed, but not found by its meaning")
        return question

    def ask_persona(self) -> str:
        handle = _expect_status(self._call_api("GET", "profile/"), 200).json()["handle"]
        question = {"question": f"Where did I leave the word {self.word}?"}
        answer = _expect_status(self._call_api("POST", f"personas/{handle}/ask/", json=question), 200).json()
        if self.word not in str(answer):
            raise SmokeTestFailed("the persona does not cite it")
        return f"@{handle}"

    def delete(self) -> str:
        _expect_status(self._call_api("DELETE", f"memories/{self.memory}/"), 200, 204)
        _expect_status(self._call_api("GET", f"memories/{self.memory}/"), 404)
        # For ever is the person's own act, and needs no app's scope.
        self._submit_form("/memories/trash/", {}, to=f"/memories/{self.memory}/destroy/", expected=302)
        if self.memory in self._search_memories(self.word):
            raise SmokeTestFailed("it is still found")
        return "for ever"

    def revoke_access(self) -> str:
        form = {"token": self.token, "client_id": self.client["client_id"]}
        _expect_status(self.app.post(self.metadata["revocation_endpoint"], data=form), 200)
        _expect_status(self._call_api("GET", "whoami/"), 401)
        own = {"Authorization": f"Bearer {self.client['registration_access_token']}"}
        _expect_status(self.app.delete(self.client["registration_client_uri"], headers=own), 204)
        return "token and registration ended"

    # --- Private ----------------------------------------------------------------------------------------

    def _call_api(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.app.request(method, f"/api/v1/{path}", headers=headers, **options)

    def _get_memory(self) -> dict[str, Any]:
        found: dict[str, Any] = _expect_status(self._call_api("GET", f"memories/{self.memory}/"), 200).json()
        return found

    def _search_memories(self, query: str) -> str:
        return _expect_status(self._call_api("POST", "memories/search/", json={"query": query}), 200).text

    def _exchange_code(self, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": self.client["client_id"],
            "code_verifier": verifier,
        }
        token: str = _expect_status(self.app.post(self.metadata["token_endpoint"], data=form), 200).json()[
            "access_token"
        ]
        return token

    def _submit_form(self, page: str, form: dict[str, Any], *, expected: int, to: str = "") -> httpx.Response:
        token = CSRF_FIELD.search(_expect_status(self.browser.get(page), 200).text)
        if not token:
            raise SmokeTestFailed(f"{urlsplit(page).path} has no form")
        return _expect_status(
            self.browser.post(to or page, data={**form, "csrfmiddlewaretoken": token[1]}), expected
        )


def run_smoke_test(walk: SmokeTest, say: Callable[[str], None]) -> bool:
    """Every step until one fails; whether all passed. `say` gets a line for each."""
    for name, step in walk.list_steps():
        started = time.monotonic()
        try:
            said = step()
        except (SmokeTestFailed, httpx.HTTPError, KeyError, ValueError) as error:
            say(f"FAIL  {name}: {type(error).__name__}: {error}")
            return False
        say(f"ok    {name} ({said}), {time.monotonic() - started:.2f} s")
    return True


def _expect_status(answer: httpx.Response, *statuses: int) -> httpx.Response:
    if answer.status_code not in statuses:
        where = f"{answer.request.method} {answer.request.url.path}"
        raise SmokeTestFailed(f"{where} was answered {answer.status_code}, not {statuses[0]}")
    return answer


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    if len(sys.argv) != 2 or not sys.argv[1].startswith("http"):
        sys.exit("Name the site: python -m picard.smoke https://memory.example.org")
    walk = SmokeTest(sys.argv[1], os.environ.get("SMOKE_EMAIL", ""), os.environ.get("SMOKE_PASSWORD", ""))
    passed = run_smoke_test(walk, _print_line)
    walk.close()
    sys.stdout.write("The site works.\n" if passed else "The site does not work.\n")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
