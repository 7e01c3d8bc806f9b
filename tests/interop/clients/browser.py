"""The user's browser, as programs find it: `xdg-open` in PATH and BROWSER. The user allows what is requested."""

import os
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.chaos.people import TOKEN, Person, find_match
from tests.interop.consent import allow_access

SCRIPT = '#!/bin/sh\nfor last; do :; done\nprintf "%s\\n" "$last" >> "{opened}"\n'
LISTENS_S = 10.0
GRANT = re.compile(r"/accounts/apps/[0-9a-f-]{36}/")


class Browser:
    """Opens URLs during the block. `opened` are all of them, in order."""

    def __init__(self, origin: str, name: str, folder: Path) -> None:
        self.opened: list[str] = []
        self.error: Exception | None = None
        self._name = name
        self._people = {origin: Person(origin, name)}
        self._people[origin].sign_up()
        self._file = folder / "opened"
        self._file.touch()
        self._script = folder / "browser" / "xdg-open"
        self._script.parent.mkdir()
        self._script.write_text(SCRIPT.format(opened=self._file))
        self._script.chmod(0o755)
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._open_urls, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self._script.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        return {"PATH": path, "BROWSER": str(self._script)}

    @property
    def person(self) -> Person:
        return next(iter(self._people.values()))

    def disconnect_apps(self) -> None:
        """Revoke the access of every app of the user, on their pages."""
        for path in set(GRANT.findall(self.person.get("/accounts/apps/").text)):
            token = find_match(TOKEN, self.person.get(path).text)
            form = {"csrfmiddlewaretoken": token}
            answer = self.person.send_request("POST", f"{path}disconnect/", data=form)
            assert answer.status_code == 302, answer.status_code

    def __enter__(self) -> "Browser":
        self._thread.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._is_closed.set()
        self._thread.join()
        for person in self._people.values():
            person.close()

    def _open_urls(self) -> None:
        while not self._is_closed.wait(0.05):
            for url in self._file.read_text().splitlines()[len(self.opened) :]:
                self.opened.append(url)
                try:
                    self._open(url)
                except Exception as error:  # noqa: BLE001 - reported with the client's cell
                    self.error = error

    def _open(self, url: str) -> None:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._people:
            self._people[origin] = Person(origin, self._name)
            self._people[origin].log_in()
        follow_redirect(allow_access(self._people[origin], url))


def follow_redirect(url: str) -> None:
    """Call the client back. Some open the browser before they listen: a person is slower than this browser."""
    deadline = time.monotonic() + LISTENS_S
    while True:
        try:
            httpx.get(url, timeout=60)
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
