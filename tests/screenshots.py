"""`make screenshots`: every page of PAGES in both themes, for phone and desktop, from a temporary demo."""

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
QUALITY = 45  # of WebP: keeps all screenshots under 4 MB
READY_S = 180
# The page that extracts memories needs a chat model; this one is never called.
MODEL = {"CHAT_MODEL": "a-model", "CHAT_BASE_URL": "http://127.0.0.1:9/v1"}
NOBODY, MAYA, NEWCOMER = "nobody", "maya", "newcomer"  # the user of a page
NOTES = "https://notes.example.org/callback"  # the app of the consent page
FIRST_MEMORY = "main a[href^='/memories/0']"
FIRST_APP = "main a[href^='/accounts/apps/0']"
FIRST_OWN_APP, TRY_IT = "main .memory h2 a", "main .memory .facts a"

# File name, path, user, and the element to click before the screenshot. Pages that require a recent log-in come first.
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
    with run_demo() as (url, email, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        newcomer = sign_up(browser, url)
        consent_query = register_app_and_build_query(url)
        for size in SIZES:
            for theme in THEMES:
                for who in (NOBODY, MAYA, NEWCOMER):
                    context = new_context(browser, url, size, theme, newcomer if who == NEWCOMER else None)
                    page = context.new_page()
                    if who == MAYA:
                        log_in(page, email, password)
                    take_screenshots(page, who, f"{size}-{theme}", consent_query)
                    context.close()
        browser.close()
    total = sum(path.stat().st_size for path in FOLDER.glob("*.webp"))
    sys.stdout.write(f"{len(list(FOLDER.glob('*.webp')))} screenshots, {total:,} bytes\n")


@contextmanager
def run_demo() -> Iterator[tuple[str, str, str]]:
    """Run a demo; yield its URL, e-mail address and password."""
    port = free_port()
    url = f"http://localhost:{port}"  # a host name, for passkeys
    with tempfile.TemporaryDirectory(prefix="picard-demo-") as home:
        Path(home).chmod(0o711)  # as root, PostgreSQL runs as another account, which needs access
        variables = {
            "PICARD_HOME": home,
            "PICARD_ENV_FILE": "",
            "PORT": str(port),
            "PUBLIC_URL": url,
            **MODEL,
        }
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        log = Path(home) / f"log-{secrets.token_hex(4)}"
        with (
            log.open("w") as out,
            subprocess.Popen(
                [sys.executable, "manage.py", "demo"],
                cwd=PROJECT,
                env=inherited | variables,
                stdout=out,
                stderr=out,
            ) as server,
        ):
            try:
                wait_until_ready(url)
                text = log.read_text(encoding="utf-8")
                yield url, _parse_output(text, "Log in"), _parse_output(text, "Password")
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(60)


def wait_until_ready(url: str) -> None:
    """Wait until the demo is ready, and long enough for the worker to embed its memories."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                time.sleep(10)  # the local model embeds some hundred memories
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    sys.exit("The demo did not start in time.")


def new_context(browser: Browser, url: str, size: str, theme: str, state: Any = None) -> BrowserContext:
    width, height = SIZES[size]
    return browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale="en",
        storage_state=state,
    )


def take_screenshots(page: Page, who: str, suffix: str, consent_query: str) -> None:
    for name, path, page_user, click in PAGES:
        if page_user == who:
            full = f"{path}?{consent_query}" if name == "consent" else path
            take_screenshot(page, FOLDER / f"{name}-{suffix}.webp", full, click)


def sign_up(browser: Browser, url: str) -> Any:
    """Sign up a user; return the cookies."""
    context = new_context(browser, url, "desktop", "light")
    page = context.new_page()
    page.goto("/accounts/signup/")
    page.fill("main input[name=email]", "noor@example.org")
    page.fill("input[name=password1]", secrets.token_urlsafe(9))
    page.press("input[name=password1]", "Enter")
    page.wait_for_url("**/memories/**")
    state = context.storage_state()
    context.close()
    return state


def register_app_and_build_query(url: str) -> str:
    """Register an app; return the query string of its authorization request."""
    registration = {"client_name": "Notes", "redirect_uris": [NOTES], "token_endpoint_auth_method": "none"}
    client_id = httpx.post(f"{url}/oauth/register/", json=registration).raise_for_status().json()["client_id"]
    digest = hashlib.sha256(secrets.token_urlsafe(32).encode()).digest()
    params = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": NOTES,
        "scope": "memories:read memories:write",
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "resource": f"{url}/mcp",
    }
    return urlencode(params)


def log_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/memories/**")
    page.goto("/accounts/reauthenticate/?next=/memories/")  # some pages require it
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/memories/**")


def take_screenshot(page: Page, file: Path, path: str, click: str) -> None:
    """Take a screenshot of the window. A page that does not exist in this version is skipped."""
    response = page.goto(path)
    if response is not None and response.status == httpx.codes.NOT_FOUND and "not-found" not in file.name:
        sys.stdout.write(f"{path} does not exist\n")
        return
    if click:
        page.locator(click).first.click()
    page.wait_for_load_state("networkidle")
    session = page.context.new_cdp_session(page)
    screenshot = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    file.write_bytes(base64.b64decode(screenshot["data"]))
    session.detach()


def _parse_output(text: str, name: str) -> str:
    match = re.search(rf"{name}\s+(\S+)", text)
    return match[1] if match else sys.exit(f"The demo did not print its {name}.")


if __name__ == "__main__":
    main()
