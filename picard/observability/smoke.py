"""`python -m picard.smoke URL`: test a deployed site as a user and as an app, from health to a deleted memory.

The test uses only HTTP, so it can run anywhere. It logs in as SMOKE_EMAIL with SMOKE_PASSWORD; without them it signs
up a new user, which works if sign-up is open and e-mail is not set up. It deletes what it creates: the memory, the
app's token and its registration. An account that it created stays.
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

import httpx2

REDIRECT = "https://smoke.invalid/callback"  # does not exist; the redirect is not followed
SCOPES = "memories:read memories:write"
PAUSE_S = 0.5
CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
SCOPE_CHECKBOX = re.compile(r'name="scopes" value="([^"]+)"')


class SmokeTestFailed(Exception):
    """A step failed; the message says what the site did instead."""


@dataclass
class SmokeTest:
    """One run against one site; each step sets attributes that later steps need."""

    site: str
    email: str = ""
    password: str = ""
    timeout_s: float = 30.0
    indexing_timeout_s: float = 60.0
    metadata: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    memory: str = ""
    word: str = field(default_factory=lambda: f"smoke{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.site = self.site.rstrip("/")
        self.browser = httpx2.Client(
            base_url=self.site, timeout=self.timeout_s, headers={"Referer": f"{self.site}/"}
        )
        self.app = httpx2.Client(base_url=self.site, timeout=self.timeout_s)

    def close(self) -> None:
        self.browser.close()
        self.app.close()

    @property
    def text(self) -> str:
        return f"A smoke test of this deployment stored the word {self.word}."

    def list_steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("server is alive", self.is_alive),
            ("server is ready", self.is_ready),
            ("OAuth metadata", self.discover_metadata),
            ("user logs in", self.sign_in),
            ("app registers itself", self.register_app),
            ("user allows the app", self.authorize_app),
            ("app creates a memory", self.create_memory),
            ("app finds it by keyword", self.find_by_word),
            ("app finds it by meaning", self.find_by_meaning),
            ("app asks the persona", self.ask_persona),
            ("memory is deleted", self.delete),
            ("app's access is revoked", self.revoke_access),
        ]

    # --- The site ---------------------------------------------------------------------------------------

    def is_alive(self) -> str:
        _expect_status(self.app.get("/healthz"), 200)
        return self.site

    def is_ready(self) -> str:
        checks = _expect_status(self.app.get("/readyz"), 200).json()["checks"]
        return f"{', '.join(checks)}: ok"

    def discover_metadata(self) -> str:
        self.metadata = _expect_status(self.app.get("/.well-known/oauth-authorization-server"), 200).json()
        if self.metadata["issuer"] != self.site:
            raise SmokeTestFailed(
                f"the issuer is {self.metadata['issuer']}: PUBLIC_URL differs from the tested URL"
            )
        for path in ("api", "mcp"):
            resource = _expect_status(
                self.app.get(f"/.well-known/oauth-protected-resource/{path}"), 200
            ).json()
            if resource["authorization_servers"] != [self.site]:
                raise SmokeTestFailed(f"the metadata of /{path} lists other authorization servers")
        return ", ".join(self.metadata["code_challenge_methods_supported"])

    # --- The user ---------------------------------------------------------------------------------------

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
                "not logged in; set SMOKE_EMAIL and SMOKE_PASSWORD to those of a verified account"
            )
        return self.email

    def authorize_app(self) -> str:
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": REDIRECT,
            "scope": SCOPES,
            "state": state,
            "resource": f"{self.site}/api",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        url = f"{self.metadata['authorization_endpoint']}?{urlencode(parameters)}"
        page = _expect_status(self.browser.get(url), 200).text
        consent = {"answer": "allow", "scopes": SCOPE_CHECKBOX.findall(page), "reach": "all"}
        response = self._submit_form(url, consent, expected=303)
        redirect = parse_qs(urlsplit(response.headers["Location"]).query)
        if redirect.get("state") != [state] or redirect.get("iss") != [self.site]:
            raise SmokeTestFailed("the authorization response has a wrong state or issuer")
        self.token = self._exchange_code(redirect["code"][0], verifier)
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
        created = _expect_status(
            self._call_api("POST", "memories/", json={"text": self.text}, headers=key), 201
        ).json()
        self.memory = created["id"]
        if created["visibility"] != "private":
            raise SmokeTestFailed("the app's memory is not private")
        return self.memory

    def find_by_word(self) -> str:
        if self.memory not in self._search_memories(self.word):
            raise SmokeTestFailed(f"a search for {self.word} does not find the memory")
        return self.word

    def find_by_meaning(self) -> str:
        deadline, query = time.monotonic() + self.indexing_timeout_s, "examination of a deployment"
        while self._get_memory()["state"] != "ready":
            if time.monotonic() > deadline:
                raise SmokeTestFailed(
                    f"not indexed within {self.indexing_timeout_s:.0f} s; check that a worker is running"
                )
            time.sleep(PAUSE_S)
        if self.memory not in self._search_memories(query):
            raise SmokeTestFailed("indexed, but not found by meaning")
        return query

    def ask_persona(self) -> str:
        handle = _expect_status(self._call_api("GET", "profile/"), 200).json()["handle"]
        question = {"question": f"Where is the word {self.word} stored?"}
        answer = _expect_status(self._call_api("POST", f"personas/{handle}/ask/", json=question), 200).json()
        if self.word not in str(answer):
            raise SmokeTestFailed("the persona does not cite the memory")
        return f"@{handle}"

    def delete(self) -> str:
        _expect_status(self._call_api("DELETE", f"memories/{self.memory}/"), 200, 204)
        _expect_status(self._call_api("GET", f"memories/{self.memory}/"), 404)
        # Only the user can delete permanently; no scope allows it to an app.
        self._submit_form("/memories/trash/", {}, to=f"/memories/{self.memory}/destroy/", expected=302)
        if self.memory in self._search_memories(self.word):
            raise SmokeTestFailed("the deleted memory is still found")
        return "permanently"

    def revoke_access(self) -> str:
        form = {"token": self.token, "client_id": self.client["client_id"]}
        _expect_status(self.app.post(self.metadata["revocation_endpoint"], data=form), 200)
        _expect_status(self._call_api("GET", "whoami/"), 401)
        headers = {"Authorization": f"Bearer {self.client['registration_access_token']}"}
        _expect_status(self.app.delete(self.client["registration_client_uri"], headers=headers), 204)
        return "token revoked, registration deleted"

    # --- Private ----------------------------------------------------------------------------------------

    def _call_api(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.app.request(method, f"/api/v1/{path}", headers=headers, **options)

    def _get_memory(self) -> dict[str, Any]:
        memory: dict[str, Any] = _expect_status(self._call_api("GET", f"memories/{self.memory}/"), 200).json()
        return memory

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

    def _submit_form(
        self, page: str, form: dict[str, Any], *, expected: int, to: str = ""
    ) -> httpx2.Response:
        token = CSRF_FIELD.search(_expect_status(self.browser.get(page), 200).text)
        if not token:
            raise SmokeTestFailed(f"{urlsplit(page).path} has no form")
        return _expect_status(
            self.browser.post(to or page, data={**form, "csrfmiddlewaretoken": token[1]}), expected
        )


def run_smoke_test(test: SmokeTest, print_line: Callable[[str], None]) -> bool:
    """Run the steps until one fails, with a call of `print_line` for each; return whether all passed."""
    for name, step in test.list_steps():
        started_at = time.monotonic()
        try:
            result = step()
        except (SmokeTestFailed, httpx2.HTTPError, KeyError, ValueError) as error:
            print_line(f"FAIL  {name}: {type(error).__name__}: {error}")
            return False
        print_line(f"ok    {name} ({result}), {time.monotonic() - started_at:.2f} s")
    return True


def _expect_status(response: httpx2.Response, *statuses: int) -> httpx2.Response:
    if response.status_code not in statuses:
        request = f"{response.request.method} {response.request.url.path}"
        raise SmokeTestFailed(f"{request} returned {response.status_code}, expected {statuses[0]}")
    return response


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    if len(sys.argv) != 2 or not sys.argv[1].startswith("http"):
        sys.exit("Pass the URL of the site: python -m picard.smoke https://memory.example.org")
    test = SmokeTest(sys.argv[1], os.environ.get("SMOKE_EMAIL", ""), os.environ.get("SMOKE_PASSWORD", ""))
    passed = run_smoke_test(test, _print_line)
    test.close()
    sys.stdout.write("The smoke test passed.\n" if passed else "The smoke test failed.\n")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
