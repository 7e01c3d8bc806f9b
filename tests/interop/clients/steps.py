"""What every client does, from the address alone. Each step is a cell of docs/clients.md."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from memories.mcp.tools import TOOLS
from tests.interop.clients.browser import Browser
from tests.interop.clients.programs import Client
from tests.interop.clients.session import ClientError, Connection, Start

ZEBRA = "The zebra sleeps in the garden."
SHORT = ("connect", "search", "add", "update", "one consent")
LONG = (*SHORT, "refresh", "revoked")
DOCUMENT = ("connect", "search", "identified by document")
REVOKED_TIMEOUT_S = 30.0


@dataclass
class Run:
    """A client at one address. `cells` are the results by step: empty if it passed, or what failed; `notes` say how."""

    client: Client
    address: str
    cells: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> dict[str, str]:
        return {step: error for step, error in self.cells.items() if error}


class Steps:
    """The steps of one client with an own user, in the order of LONG. Each one returns a note or raises ClientError."""

    def __init__(self, connection: Connection, browser: Browser, *, token_s: int, document: str) -> None:
        self._connection = connection
        self._browser = browser
        self._token_s = token_s
        self._document = document
        self._added = ""

    def connect(self) -> str:
        expect(set(self._connection.list_tools()), set(TOOLS))
        return ""

    def search(self) -> str:
        [first, *_] = self._connection.call_tool("search", query="zebra")["results"]
        expect(first["text"], ZEBRA)
        return ""

    def add(self) -> str:
        added = self._connection.call_tool("add_memory", text="Written by a client.", tags=["matrix"])
        self._added = added["id"]
        return ""

    def update(self) -> str:
        self._connection.call_tool("update_memory", id=self._added, text="Changed by a client.")
        expect(self._connection.call_tool("fetch", id=self._added)["text"], "Changed by a client.")
        return ""

    def one_consent(self) -> str:
        expect(len(self._browser.opened), 1)
        return ""

    def refresh(self) -> str:
        """Wait until the access token has expired: the client gets a new one without the user."""
        time.sleep(self._token_s + 1)
        self.search()
        return self.one_consent()

    def revoked(self) -> str:
        """The user disconnects the app: the client asks again, or reports an error until it is logged in again."""
        self._browser.disconnect_apps()
        self._connection.timeout_s = REVOKED_TIMEOUT_S
        try:
            self.search()
        except ClientError as error:
            if "no answer" in str(error):
                raise
            self._connection.log_in()
            self.search()
            return f"error, works after a new log-in: {error}"
        if len(self._browser.opened) < 2:
            raise ClientError("read memories after its access was revoked")
        return "asks the user again"

    def identified_by_document(self) -> str:
        expect(
            [parse_qs(urlsplit(url).query)["client_id"] for url in self._browser.opened], [[self._document]]
        )
        return ""


def expect(found: object, expected: object) -> None:
    if found != expected:
        raise ClientError(f"expected {expected}, got {found}")


def run_client(
    client: Client, url: str, folder: Path, *, steps: tuple[str, ...], token_s: int = 0, document: str = ""
) -> Run:
    """Run the steps until one fails; those after it fail, too."""
    folder.mkdir(parents=True)
    address = urlsplit(url)
    run = Run(client, str(address.hostname))
    with Browser(f"{address.scheme}://{address.netloc}", folder.name, folder) as browser:
        browser.person.create(ZEBRA)
        try:
            connection = client.start(Start(url, browser, folder, document))
        except ClientError as error:
            run.cells = dict.fromkeys(steps, f"cannot start: {error}{describe_consent(browser)}")
            return run
        try:
            _run_steps(run, Steps(connection, browser, token_s=token_s, document=document), browser, steps)
        finally:
            connection.close()
    return run


def _run_steps(run: Run, acts: Steps, browser: Browser, steps: tuple[str, ...]) -> None:
    for number, step in enumerate(steps):
        act: Callable[[], str] = getattr(acts, step.replace(" ", "_"))
        try:
            run.notes[step] = act()
            run.cells[step] = ""
        except (ClientError, KeyError, ValueError, AssertionError) as error:
            run.cells[step] = f"{error}{describe_consent(browser)}"
            run.cells |= dict.fromkeys(steps[number + 1 :], "not reached")
            return


def describe_consent(browser: Browser) -> str:
    """Return what went wrong in the browser, for the message of the client's failure."""
    return f" (consent: {browser.error!r})" if browser.error else ""
