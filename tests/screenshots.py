"""`make screenshots`: every page of PAGES, both themes, phone and desktop, from the demo in a temporary home."""

import base64
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

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.processes import PROJECT, free_port

FOLDER = PROJECT / "docs" / "screenshots"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
THEMES = ("light", "dark")
QUALITY = 55  # of WebP: all pages together stay under 6 MB
READY_S = 180
# The page that looks through a conversation is there where a chat model is; nothing is asked of this one.
MODEL = {"CHAT_MODEL": "a-model", "CHAT_BASE_URL": "http://127.0.0.1:9/v1"}
FIRST_MEMORY = "main a[href^='/memories/0']"
FIRST_APP = "main a[href^='/accounts/apps/0']"

# Name of the file, address, whether one is logged in, and what is clicked before the picture is taken.
PAGES: tuple[tuple[str, str, bool, str], ...] = (
    ("landing", "/", False, ""),
    ("log-in", "/accounts/login/", False, ""),
    ("sign-up", "/accounts/signup/", False, ""),
    ("memories", "/memories/", True, ""),
    ("search", "/memories/?q=what+should+I+not+eat", True, ""),
    ("memory", "/memories/?q=half+marathon+knee", True, FIRST_MEMORY),
    ("history", "/memories/?q=autumn+release+offline+maps", True, FIRST_MEMORY),
    ("new", "/memories/new/", True, ""),
    ("ask", "/memories/ask/", True, ""),
    ("review", "/memories/review/", True, ""),
    ("extract", "/memories/extract/", True, ""),
    ("tags", "/memories/tags/", True, ""),
    ("trash", "/memories/trash/", True, ""),
    ("import", "/memories/import/", True, ""),
    ("export", "/memories/export/", True, ""),
    ("insights", "/memories/insights/", True, ""),
    ("connect", "/connect/", True, ""),
    ("apps", "/accounts/apps/", True, ""),
    ("app", "/accounts/apps/", True, FIRST_APP),
    ("developer", "/developer/", True, ""),
    ("account", "/accounts/", True, ""),
    ("profile", "/accounts/profile/", True, ""),
    ("two-factor", "/accounts/2fa/", True, ""),
    ("sessions", "/accounts/sessions/", True, ""),
    ("leaving", "/accounts/delete/", True, ""),
    ("persona", "/@maya", False, ""),
    ("not-found", "/nowhere/", True, ""),
    ("api", "/api/docs/", True, ""),
)


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with demo() as (address, email, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for size in SIZES:
            for theme in THEMES:
                take_all(browser, address, (email, password), size, theme)
        browser.close()
    total = sum(path.stat().st_size for path in FOLDER.glob("*.webp"))
    sys.stdout.write(f"{len(list(FOLDER.glob('*.webp')))} pictures, {total:,} bytes\n")


@contextmanager
def demo() -> Iterator[tuple[str, str, str]]:
    """Address, e-mail and password of a demo of our own."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
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


def take_all(browser: Browser, address: str, who: tuple[str, str], size: str, theme: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale="en",
    )
    page = context.new_page()
    for is_inside in (False, True):
        if is_inside:
            log_in(page, *who)
        for name, path, needs_log_in, click in PAGES:
            if needs_log_in == is_inside:
                take(page, FOLDER / f"{name}-{size}-{theme}.webp", path, click)
    context.close()


def log_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
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
