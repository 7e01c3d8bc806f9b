"""A person at a browser without JavaScript, and what the server has told them it did."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

Answer = TypeVar("Answer")

PASSWORD = "a walrus in the garden"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
VERSION = re.compile(r'name="version" value="(\d+)"')
ROW = re.compile(r'id="m-([0-9a-f-]{36})"')
TIMEOUT_S = 60.0  # generous: no promise is decided by it


class NoAnswer(Exception):
    """The connection broke (`response` is None), or the server said that it could not."""

    def __init__(self, why: str, response: httpx.Response | None = None) -> None:
        super().__init__(why)
        self.response = response


@dataclass
class Written:
    """A memory as its owner knows it: `texts` were acknowledged, in order; `unsure` were sent after them."""

    texts: list[str]
    unsure: list[str] = field(default_factory=list)
    is_trashed: bool | None = False  # None: unsure


class Person:
    """Signed up by the form. Each act returns when the server has answered, and raises NoAnswer when it did not."""

    def __init__(self, address: str, name: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.name = name
        self.email = f"{name}@example.org"
        self.written: dict[str, Written] = {}
        self._browser = httpx.Client(base_url=address, timeout=timeout_s)
        self._token = ""

    def sign_up(self) -> None:
        self._token = found(TOKEN, self.get("/accounts/signup/").text)
        form = {"email": self.email, "password1": PASSWORD}
        assert self.post("/accounts/signup/", form).status_code == 302
        self._token = found(TOKEN, self.get("/memories/").text)  # another one since the log-in

    def log_in(self) -> None:
        self._browser.cookies.clear()
        self._token = found(TOKEN, self.get("/accounts/login/").text)
        assert self.post("/accounts/login/", {"login": self.email, "password": PASSWORD}).status_code == 302
        self._token = found(TOKEN, self.get("/memories/").text)

    def create(self, text: str, **more: str) -> str:
        """The new memory's id; also where the same text is there already."""
        answer = self.post("/memories/new/", {"text": text, "keep_both": "1", **more}, htmx=True)
        assert answer.status_code == 200, answer.status_code
        memory_id = found(ROW, answer.text)
        self.written[memory_id] = Written([text])
        return memory_id

    def edit(self, memory_id: str, text: str) -> None:
        version = found(VERSION, self.get(f"/memories/{memory_id}/").text)
        written = self.written[memory_id]
        written.unsure.append(text)
        form = {"text": text, "version": version, "expires": "never"}
        answer = self.post(f"/memories/{memory_id}/edit/", form)
        if answer.status_code == 409:  # an edit that was not answered came through in between
            raise NoAnswer("409")
        assert answer.status_code == 302, answer.status_code
        written.texts.append(text)
        written.unsure.clear()

    def delete(self, memory_id: str) -> None:
        self.written[memory_id].is_trashed = None
        answer = self.post(f"/memories/{memory_id}/delete/")
        assert answer.status_code == 302, answer.status_code
        self.written[memory_id].is_trashed = True

    def search(self, query: str) -> str:
        """The page."""
        answer = self.get("/memories/", params={"q": query})
        assert answer.status_code == 200, answer.status_code
        return answer.text

    def is_searchable(self, memory_id: str) -> bool:
        """Whether its page says that it is found by meaning."""
        return "state-ready" in self.get(f"/memories/{memory_id}/state/").text

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, form: Mapping[str, str] | None = None, *, htmx: bool = False) -> httpx.Response:
        data = {**(form or {}), "csrfmiddlewaretoken": self._token}
        return self.ask("POST", path, data=data, headers={"HX-Request": "true"} if htmx else {})

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises NoAnswer for a broken connection and for every 5xx."""
        try:
            answer = self._browser.request(method, path, **options)
        except httpx.TransportError as error:
            raise NoAnswer(type(error).__name__) from None
        if answer.status_code >= 500:
            raise NoAnswer(str(answer.status_code), answer)
        return answer

    def cookie(self, name: str) -> str:
        """What the browser keeps under this name."""
        return self._browser.cookies[name]

    def close(self) -> None:
        self._browser.close()


@contextmanager
def signed_up(address: str, *names: str) -> Iterator[list[Person]]:
    """People with accounts of their own; their connections are closed with the block."""
    people = [Person(address, name) for name in names]
    try:
        for person in people:
            person.sign_up()
        yield people
    finally:
        for person in people:
            person.close()


def persistently(act: Callable[[], Answer], *, seconds: float = 120) -> Answer:
    """What the act returns as soon as the server answers it. Raises NoAnswer when it does not for so long."""
    until = time.monotonic() + seconds
    while True:
        try:
            return act()
        except NoAnswer:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def found(pattern: re.Pattern[str], page: str) -> str:
    match = pattern.search(page)
    assert match, f"{pattern.pattern} is not on the page"
    return match[1]
