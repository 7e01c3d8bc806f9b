"""`make screenshots`: every page of PAGES, both themes, phone and desktop, from the demo in a temporary home."""

import base64
import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.processes import PROJECT, free_port

FOLDER = PROJECT / "docs" / "screenshots"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
THEMES = ("light", "dark")
QUALITY = 45  # of WebP: all pages together stay under 4 MB
READY_S = 180
# The page that looks through a conversation is there where a chat model is; nothing is asked of this one.
MODEL = {"CHAT_MODEL": "a-model", "CHAT_BASE_URL": "http://127.0.0.1:9/v1"}
NOBODY, MAYA, NEWCOMER = "nobody", "maya", "newcomer"  # who looks at a page
NOTES = "https://notes.example.org/callback"  # where the app of the consent page is
FIRST_MEMORY = "main a[href^='/memories/0']"
FIRST_APP = "main a[href^='/accounts/apps/0']"
FIRST_OWN_APP, TRY_IT = "main .memory h2 a", "main .memory .facts a"

# Name of the file, address, who looks, and what is clicked before the picture is taken. Those that ask for the
# password anew some minutes after it was given come first.
PAGES: tuple[tuple[str, str, str, str], ...] = (
    ("landing", "/", NOBODY, ""),
    ("log-in", "/accounts/login/", NOBODY, ""),
    ("sign-up", "/accounts/signup/", NOBODY, ""),
    ("two-factor", "/accounts/2fa/", MAYA, ""),
    ("authenticator", "/accounts/2fa/totp/activate/", MAYA, ""),
    ("passkey", "/accounts/2fa/webauthn/add/", MAYA, ""),
    ("leaving", "/accounts/delete/", MAYA, ""),
    ("sessions", "/accounts/sessions/", MAYA, ""),
    ("consent", "/oauth/authorize/", MAYA, ""),
    ("memories", "/memories/", MAYA, ""),
    ("many", "/memories/?q=knee", MAYA, ".many summary"),
    ("search", "/memories/?q=what+should+I+not+eat", MAYA, ""),
    ("memory", "/memories/?q=half+marathon+knee", MAYA, FIRST_MEMORY),
    ("history", "/memories/?q=autumn+release+offline+maps", MAYA, FIRST_MEMORY),
    ("new", "/memories/new/", MAYA, ""),
    ("ask", "/memories/ask/", MAYA, ""),
    ("review", "/memories/review/", MAYA, ""),
    ("extract", "/memories/extract/", MAYA, ""),
    ("tags", "/memories/tags/", MAYA, ""),
    ("tag", "/memories/tags/", MAYA, ".tag-row .act"),
    ("trash", "/memories/trash/", MAYA, ""),
    ("import", "/memories/import/", MAYA, ""),
    ("export", "/memories/export/", MAYA, ""),
    ("insights", "/memories/insights/", MAYA, ""),
    ("connect", "/connect/", MAYA, ""),
    ("apps", "/accounts/apps/", MAYA, ""),
    ("app", "/accounts/apps/", MAYA, FIRST_APP),
    ("activity", "/accounts/apps/activity/", MAYA, ""),
    ("developer", "/developer/", MAYA, ""),
    ("own-app", "/developer/", MAYA, FIRST_OWN_APP),
    ("try-it", "/developer/", MAYA, TRY_IT),
    ("account", "/accounts/", MAYA, ""),
    ("profile", "/accounts/profile/", MAYA, ""),
    ("persona", "/@maya", NOBODY, ""),
    ("not-found", "/nowhere/", MAYA, ""),
    ("help", "/help/", MAYA, ""),
    ("api", "/api/docs/", MAYA, ""),
    ("first-steps", "/memories/", NEWCOMER, ""),
    ("nothing-to-review", "/memories/review/", NEWCOMER, ""),
    ("no-app", "/accounts/apps/", NEWCOMER, ""),
)


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with demo() as (address, email, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        newcomer = signed_up(browser, address)
        question = asked_by_an_app(address)
        for size in SIZES:
            for theme in THEMES:
                for who in (NOBODY, MAYA, NEWCOMER):
                    context = new_context(
                        browser, address, size, theme, newcomer if who == NEWCOMER else None
                    )
                    page = context.new_page()
                    if who == MAYA:
                        log_in(page, email, password)
                    take_all(page, who, f"{size}-{theme}", question)
                    context.close()
        browser.close()
    total = sum(path.stat().st_size for path in FOLDER.glob("*.webp"))
    sys.stdout.write(f"{len(list(FOLDER.glob('*.webp')))} pictures, {total:,} bytes\n")


@contextmanager
def demo() -> Iterator[tuple[str, str, str]]:
    """Address, e-mail and password of a demo of our own."""
    port = free_port()
    address = f"http://localhost:{port}"  # a name, for passkeys
    with tempfile.TemporaryDirectory(prefix="picard-demo-") as home:
        Path(home).chmod(0o711)  # root's PostgreSQL runs as another account, which must enter
        own = {"PICARD_HOME": home, "PICARD_ENV_FILE": "", "PORT": str(port), "PUBLIC_URL": address, **MODEL}
        kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        said = Path(home) / f"said-{secrets.token_hex(4)}"
        with (
            said.open("w") as out,
            subprocess.Popen(
                [sys.executable, "manage.py", "demo"], cwd=PROJECT, env=kept | own, stdout=out, stderr=out
            ) as server,
        ):
            try:
                wait_until_ready(address)
                words = said.read_text(encoding="utf-8")
                yield address, _said(words, "Log in"), _said(words, "Password")
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(60)


def wait_until_ready(address: str) -> None:
    """Until every memory is embedded, too: the worker tells of none that waits."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            if httpx.get(f"{address}/readyz", timeout=2).status_code == httpx.codes.OK:
                time.sleep(10)  # some hundred memories by the local model
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    sys.exit("The demo does not get ready.")


def new_context(browser: Browser, address: str, size: str, theme: str, state: Any = None) -> BrowserContext:
    width, height = SIZES[size]
    return browser.new_context(
        base_url=address,
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale="en",
        storage_state=state,
    )


def take_all(page: Page, who: str, suffix: str, question: str) -> None:
    for name, path, looks, click in PAGES:
        if looks == who:
            full = f"{path}?{question}" if name == "consent" else path
            take(page, FOLDER / f"{name}-{suffix}.webp", full, click)


def signed_up(browser: Browser, address: str) -> Any:
    """The cookies of somebody who has just come."""
    context = new_context(browser, address, "desktop", "light")
    page = context.new_page()
    page.goto("/accounts/signup/")
    page.fill("main input[name=email]", "noor@example.org")
    page.fill("input[name=password1]", secrets.token_urlsafe(9))
    page.press("input[name=password1]", "Enter")
    page.wait_for_url("**/memories/**")
    state = context.storage_state()
    context.close()
    return state


def asked_by_an_app(address: str) -> str:
    """What an app that registered itself asks the person."""
    said = {"client_name": "Notes", "redirect_uris": [NOTES], "token_endpoint_auth_method": "none"}
    client_id = httpx.post(f"{address}/oauth/register/", json=said).raise_for_status().json()["client_id"]
    digest = hashlib.sha256(secrets.token_urlsafe(32).encode()).digest()
    asked = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": NOTES,
        "scope": "memories:read memories:write",
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "resource": f"{address}/mcp",
    }
    return urlencode(asked)


def log_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/memories/**")
    page.goto("/accounts/reauthenticate/?next=/memories/")  # as some pages would ask
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/memories/**")


def take(page: Page, file: Path, path: str, click: str) -> None:
    """The window as it opens. A page that is not there (another version's) leaves no picture."""
    answer = page.goto(path)
    if answer is not None and answer.status == httpx.codes.NOT_FOUND and "not-found" not in file.name:
        sys.stdout.write(f"{path} is not there\n")
        return
    if click:
        page.locator(click).first.click()
    page.wait_for_load_state("networkidle")
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    file.write_bytes(base64.b64decode(taken["data"]))
    session.detach()


def _said(words: str, name: str) -> str:
    found = re.search(rf"{name}\s+(\S+)", words)
    return found[1] if found else sys.exit(f"The demo did not say its {name}.")


if __name__ == "__main__":
    main()
