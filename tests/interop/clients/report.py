"""docs/clients.md: the table of what the clients did."""

from picard.config.paths import PROJECT
from tests.interop.clients.programs import CLIENTS, Client
from tests.interop.clients.steps import DOCUMENT, LONG, Run

PAGE = PROJECT / "docs" / "clients.md"
MAX_ERROR = 160  # characters
COLUMNS = {
    "connect": "connects, lists tools",
    "search": "search",
    "add": "add",
    "update": "update",
    "one consent": "one consent",
    "refresh": "after the token expired",
    "revoked": "after access was revoked",
}
TEXT = """# Clients that are tested

`make interop` runs the clients below, unchanged and pinned, against a running server, and writes this page. Each one
gets nothing but the address: it discovers the authorization server, registers itself, opens the user's browser, lists
the tools, and then searches, adds and updates a memory with the one consent that the user gave. `make test` does the
same with the smaller ones at one address. [mcp.md](mcp.md) says how to set up each app.

| client | version | address | {columns} | client document |
|---|---|---|{rules}---|
{rows}

- **One consent**: the user was asked once, for everything.
- **After the token expired**: the client got a new token without asking the user.
- **After access was revoked**: the user disconnected the app under Connected apps. The client then asks the user again
  or reports an error; it neither hangs nor reads on.
- **Client document**: the client is identified by the https URL of its metadata instead of registering itself. Empty
  where the program has no setting for it, or knows only its vendor's document.

{notes}
"""
NOTES = """## How the programs are driven

- SDKs and libraries: a program of a few lines in `tests/interop/clients/drivers`, from what their documentation shows.
- Codex CLI: `codex mcp login`; then its app server, which editors use, calls the tools.
- opencode: `opencode mcp auth`; then it calls the tools that a model names. The model is a part of the test.
- Gemini CLI: its library, with the log-in of `/mcp auth`.
- The browser is a program that every client finds as `xdg-open` and in `BROWSER`. It submits the consent page as it is
  preselected, and follows the redirect to the client.

## What the clients themselves do

- TypeScript SDK 1 and programs that contain it (opencode): of two calls that are sent at once with an expired token,
  one can fail with "Server returned 401 after successful authentication", although the new token is valid: the
  transport remembers one attempt for all its calls. The next call works.
- Gemini CLI cannot ask again by itself: it then registers without a redirect URL, which no server may accept
  (RFC 7591 2), and shows that error. `/mcp auth` works.
- MCP Inspector CLI stores tokens in the system's keychain. Without one, set `MCP_INSPECTOR_SECRET_STORE=file`, as here,
  or each command asks the user anew."""


def write(runs: list[Run]) -> None:
    """Write the page."""
    documents = {run.client.name: run for run in runs if set(run.cells) == set(DOCUMENT)}
    rows = [
        _build_row(client, run, documents.get(client.name))
        for client in CLIENTS
        for run in runs
        if run.client == client and set(run.cells) == set(LONG)
    ]
    text = TEXT.format(
        columns=" | ".join(COLUMNS.values()), rules="---|" * len(COLUMNS), rows="\n".join(rows), notes=NOTES
    )
    PAGE.write_text(text, encoding="utf-8")


def _build_row(client: Client, run: Run, document: Run | None) -> str:
    cells = [_describe(run, step) for step in COLUMNS]
    last = " " if document is None else _describe(document, DOCUMENT[-1])
    return f"| {client.name} | {client.version} | `{run.address}` | {' | '.join(cells)} | {last} |"


def _describe(run: Run, step: str) -> str:
    if error := run.cells[step]:
        return f"**no**: {_shorten(error)}"
    return _shorten(run.notes.get(step, "")) or "yes"


def _shorten(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= MAX_ERROR else f"{line[:MAX_ERROR]} ..."
