"""Every page of PAGES in both themes, for phone and desktop."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
from playwright.sync_api import Browser, Page

from tests.screenshots.demo import FOLDER, Demo, capture, log_in, new_context, settle

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
THEMES = ("light", "dark")
NOBODY, MAYA, NEWCOMER = "nobody", "maya", "newcomer"  # the user of a page
NOTES = "https://notes.example.org/callback"  # the app of the consent page
FIRST_MEMORY, ALL_DETAILS = "#rows .memory-text", ".panel a[data-page]"
FIRST_APP = "main a[href^='/accounts/apps/0']"
FIRST_OWN_APP, TRY_IT = "main .memory h2 a", "main .memory .facts a"

ASK = ("#ask textarea <- Which medicine must I avoid?", "#ask [data-send]")

# File name, path, user, and the steps before the screenshot: an element to click, or "element <- text" to fill it in.
PAGES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("landing", "/", NOBODY, ()),
    ("log-in", "/accounts/login/", NOBODY, ()),
    ("sign-up", "/accounts/signup/", NOBODY, ()),
    ("two-factor", "/accounts/2fa/", MAYA, ()),
    ("authenticator", "/accounts/2fa/totp/activate/", MAYA, ()),
    ("passkey", "/accounts/2fa/webauthn/add/", MAYA, ()),
    ("leaving", "/accounts/delete/", MAYA, ()),
    ("sessions", "/accounts/sessions/", MAYA, ()),
    ("consent", "/oauth/authorize/", MAYA, ()),
    ("memories", "/memories/", MAYA, ()),
    ("many", "/memories/?q=knee", MAYA, (".many summary", "#rows .tick >> nth=0", "#rows .tick >> nth=1")),
    ("search", "/memories/?q=which+medicine+must+I+avoid", MAYA, ()),
    ("memory", "/memories/?q=half+marathon+knee", MAYA, (FIRST_MEMORY,)),
    (
        "history",
        "/memories/?q=autumn+release+offline+maps",
        MAYA,
        (FIRST_MEMORY, ALL_DETAILS, "#history summary"),
    ),
    ("new", "/memories/new/", MAYA, ()),
    ("ask", "/memories/ask/", MAYA, ASK),
    ("review", "/memories/review/", MAYA, ()),
    ("tags", "/memories/tags/", MAYA, ()),
    ("tag", "/memories/tags/", MAYA, (".tag-row .act",)),
    ("trash", "/memories/trash/", MAYA, ()),
    ("import", "/memories/import/", MAYA, ()),
    ("export", "/memories/export/", MAYA, ()),
    ("insights", "/memories/insights/", MAYA, ()),
    ("map", "/memories/insights/map/", MAYA, ()),
    ("connect", "/connect/", MAYA, ()),
    ("apps", "/accounts/apps/", MAYA, ()),
    ("app", "/accounts/apps/", MAYA, (FIRST_APP,)),
    ("activity", "/accounts/apps/activity/", MAYA, ()),
    ("developer", "/developer/", MAYA, ()),
    ("own-app", "/developer/", MAYA, (FIRST_OWN_APP,)),
    ("try-it", "/developer/", MAYA, (TRY_IT,)),
    ("account", "/accounts/", MAYA, ()),
    ("profile", "/accounts/profile/", MAYA, ()),
    ("persona", "/@maya", NOBODY, ()),
    ("not-found", "/nowhere/", MAYA, ()),
    ("help", "/help/", MAYA, ()),
    ("api", "/api/docs/", MAYA, ()),
    ("first-steps", "/memories/", NEWCOMER, ()),
    ("nothing-to-review", "/memories/review/", NEWCOMER, ()),
    ("no-app", "/accounts/apps/", NEWCOMER, ()),
)


def take_all(browser: Browser, demo: Demo) -> Iterator[str]:
    cookies = {NOBODY: None, MAYA: log_in(browser, demo), NEWCOMER: _sign_up(browser, demo)}
    consent_query = _register_app_and_build_query(demo.url)
    for size, pixels in SIZES.items():
        for theme in THEMES:
            for who, state in cookies.items():
                context = new_context(browser, demo, pixels, color_scheme=theme, storage_state=state)
                page = context.new_page()
                for name, path, user, steps in PAGES:
                    if user == who:
                        full = f"{path}?{consent_query}" if name == "consent" else path
                        _take(page, name, full, steps, f"{size}-{theme}")
                context.close()
    _remove_others()
    files = list(FOLDER.glob("*.webp"))
    yield f"{len(files)} screenshots, {sum(file.stat().st_size for file in files):,} bytes"


def _take(page: Page, name: str, path: str, steps: tuple[str, ...], suffix: str) -> None:
    response = page.goto(path)
    status = response.status if response else 0
    if (status == httpx.codes.NOT_FOUND) != (name == "not-found"):
        raise ValueError(f"{path}: HTTP {status}")
    for step in steps:
        selector, _, text = step.partition(" <- ")
        element = page.locator(selector).first
        element.fill(text) if text else element.click()
        page.wait_for_load_state("networkidle")
    if name == "api":  # a script fetches what it shows
        page.wait_for_load_state("networkidle")
    settle(page)
    capture(page, FOLDER / f"{name}-{suffix}.webp")


def list_names() -> set[str]:
    return {f"{name}-{size}-{theme}.webp" for name, *_ in PAGES for size in SIZES for theme in THEMES}


def _remove_others() -> None:
    """Remove the screenshots of pages that PAGES no longer lists."""
    for file in FOLDER.glob("*-*-*.webp"):
        if file.name not in list_names():
            file.unlink()


def _sign_up(browser: Browser, demo: Demo) -> Any:
    """Sign up a user; return the cookies."""
    context = new_context(browser, demo, SIZES["desktop"])
    page = context.new_page()
    page.goto("/accounts/signup/")
    page.fill("main input[name=email]", "noor@example.org")
    page.fill("input[name=password1]", secrets.token_urlsafe(9))
    page.press("input[name=password1]", "Enter")
    page.wait_for_url("**/memories/**")
    state = context.storage_state()
    context.close()
    return state


def _register_app_and_build_query(url: str) -> str:
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
