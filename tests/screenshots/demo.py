"""A demo in a temporary PICARD_HOME, and the browser that looks at it."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize

from tests.processes import PROJECT, free_port

FOLDER = PROJECT / "docs" / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
QUALITY = 45  # of WebP: keeps all screenshots under 4 MB
READY_S = 600  # of a busy machine; a few seconds at rest
TIMEOUT_MS = 60_000
# What a page loads after it is there: fonts, and the parts that htmx fetches or swaps.
SETTLED = """async () => {
  await document.fonts.ready;
  const isBusy = () => document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling, [aria-busy=true]");
  for (let frame = 0; frame < 120 && (frame < 3 || isBusy()); frame++) await new Promise(requestAnimationFrame);
}"""


@dataclass(frozen=True)
class Demo:
    url: str
    email: str
    password: str


@contextmanager
def run_demo() -> Iterator[Demo]:
    port = free_port()
    url = f"http://localhost:{port}"  # a host name, for passkeys
    with tempfile.TemporaryDirectory(prefix="picard-demo-") as home:
        Path(home).chmod(0o711)  # as root, PostgreSQL runs as another account, which needs access
        variables = {"PICARD_HOME": home, "PICARD_ENV_FILE": "", "PORT": str(port), "PUBLIC_URL": url}
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
                _wait_until_ready(url, server)
                text = log.read_text(encoding="utf-8")
                yield Demo(url, _parse_output(text, "Log in"), _parse_output(text, "Password"))
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(60)


def launch_browser(playwright: Playwright) -> Browser:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    return playwright.chromium.launch(executable_path=chromium, args=FLAGS)


def new_context(browser: Browser, demo: Demo, size: tuple[int, int], **options: Any) -> BrowserContext:
    viewport = cast(ViewportSize, {"width": size[0], "height": size[1]})
    context = browser.new_context(base_url=demo.url, viewport=viewport, **{"locale": "en", **options})
    context.set_default_timeout(TIMEOUT_MS)
    return context


def log_in(browser: Browser, demo: Demo) -> Any:
    """Log in, and again for the pages that require it; wait for the search index. Return the cookies."""
    context = new_context(browser, demo, (1280, 900))
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("input[name=login]", demo.email)
    page.fill("input[name=password]", demo.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/memories/**")
    page.goto("/accounts/reauthenticate/?next=/memories/")
    page.fill("input[name=password]", demo.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/memories/**")
    wait_for_index(page)
    state = context.storage_state()
    context.close()
    return state


def wait_for_index(page: Page) -> None:
    """Wait until the worker has embedded the demo's memories: Insights counts none that wait."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        page.goto("/memories/insights/")
        if page.get_by_text("Indexing", exact=True).count() == 0:
            return
        time.sleep(2)
    sys.exit("The demo's memories were not indexed.")


def settle(page: Page) -> None:
    page.wait_for_load_state("load")
    page.evaluate(SETTLED)


def capture(page: Page, file: Path) -> None:
    """Take a screenshot of the window as WebP, which Playwright itself does not write."""
    session = page.context.new_cdp_session(page)
    screenshot = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    file.write_bytes(base64.b64decode(screenshot["data"]))
    session.detach()


def _wait_until_ready(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    sys.exit("The demo did not start.")


def _parse_output(text: str, name: str) -> str:
    match = re.search(rf"{name}\s+(\S+)", text)
    return match[1] if match else sys.exit(f"The demo did not print its {name}.")
