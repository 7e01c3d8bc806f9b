"""A user with a browser without JavaScript, who records the writes that the server acknowledged."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

Result = TypeVar("Result")

PASSWORD = "a walrus in the garden"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
VERSION = re.compile(r'name="version" value="(\d+)"')
ROW = re.compile(r'id="m-([0-9a-f-]{36})"')
TIMEOUT_S = 60.0  # generous: no test depends on it


class ServerUnavailable(Exception):
    """The connection broke (`response` is None), or the server sent a 5xx."""

    def __init__(self, reason: str, response: httpx.Response | None = None) -> None:
        super().__init__(reason)
        self.response = response


@dataclass
class Written:
    """A memory as its owner knows it: acknowledged `texts` in order; later `unsure` ones got no response."""

    texts: list[str]
    unsure: list[str] = field(default_factory=list)
    is_trashed: bool | None = False  # None: unsure


class Person:
    """A user who signed up by the form. Every method raises ServerUnavailable if the server does not answer."""

    def __init__(
        self,
        address: str,
        name: str,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self.email = f"{name}@example.org"
        self.written: dict[str, Written] = {}
        self._browser = httpx.Client(base_url=address, timeout=timeout_s, transport=transport)
        self._token = ""

    def sign_up(self) -> None:
        self._token = find_match(TOKEN, self.get("/accounts/signup/").text)
        form = {"email": self.email, "password1": PASSWORD}
        assert self.post("/accounts/signup/", form).status_code == 302
        self._token = find_match(TOKEN, self.get("/memories/").text)  # log-in rotates it

    def use_session_of(self, other: "Person") -> None:
        """Be another client of the same user."""
        self._browser.cookies = other._browser.cookies
        self._token = other._token

    def log_in(self) -> None:
        self._browser.cookies.clear()
        self._token = find_match(TOKEN, self.get("/accounts/login/").text)
        assert self.post("/accounts/login/", {"login": self.email, "password": PASSWORD}).status_code == 302
        self._token = find_match(TOKEN, self.get("/memories/").text)

    def create(self, text: str, **more: str) -> str:
        """Return the id of the new memory, even if it duplicates another."""
        answer = self.post("/memories/new/", {"text": text, "keep_both": "1", **more}, htmx=True)
        assert answer.status_code == 200, answer.status_code
        memory_id = find_match(ROW, answer.text)
        self.written[memory_id] = Written([text])
        return memory_id

    def edit(self, memory_id: str, text: str) -> None:
        version = find_match(VERSION, self.get(f"/memories/{memory_id}/").text)
        written = self.written[memory_id]
        written.unsure.append(text)
        form = {"text": text, "version": version, "expires": "never"}
        answer = self.post(f"/memories/{memory_id}/edit/", form)
        if answer.status_code == 409:  # an earlier edit without a response was saved
            raise ServerUnavailable("409")
        assert answer.status_code == 302, answer.status_code
        written.texts.append(text)
        written.unsure.clear()

    def delete(self, memory_id: str) -> None:
        self.written[memory_id].is_trashed = None
        answer = self.post(f"/memories/{memory_id}/delete/")
        assert answer.status_code == 302, answer.status_code
        self.written[memory_id].is_trashed = True

    def search(self, query: str) -> str:
        """Return the results page."""
        answer = self.get("/memories/", params={"q": query})
        assert answer.status_code == 200, answer.status_code
        return answer.text

    def is_searchable(self, memory_id: str) -> bool:
        """Return whether the memory's page shows it as indexed."""
        return "state-ready" in self.get(f"/memories/{memory_id}/state/").text

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send_request("GET", path, **options)

    def post(self, path: str, form: Mapping[str, str] | None = None, *, htmx: bool = False) -> httpx.Response:
        data = {**(form or {}), "csrfmiddlewaretoken": self._token}
        return self.send_request("POST", path, data=data, headers={"HX-Request": "true"} if htmx else {})

    def send_request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request. Raises ServerUnavailable for a broken connection or a 5xx."""
        try:
            answer = self._browser.request(method, path, **options)
        except httpx.TransportError as error:
            raise ServerUnavailable(type(error).__name__) from None
        if answer.status_code >= 500:
            raise ServerUnavailable(str(answer.status_code), answer)
        return answer

    def cookie(self, name: str) -> str:
        """Return the value of a cookie."""
        return self._browser.cookies[name]

    def close(self) -> None:
        self._browser.close()


@contextmanager
def signed_up(address: str, *names: str) -> Iterator[list[Person]]:
    """Sign up users; close their connections at the end of the block."""
    people = [Person(address, name) for name in names]
    try:
        for person in people:
            person.sign_up()
        yield people
    finally:
        for person in people:
            person.close()


def retry_until_answered(act: Callable[[], Result], *, seconds: float = 120) -> Result:
    """Repeat the act until the server answers; return its result. Raises ServerUnavailable on timeout."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except ServerUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def find_match(pattern: re.Pattern[str], page: str) -> str:
    match = pattern.search(page)
    assert match, f"{pattern.pattern} is not on the page"
    return match[1]
