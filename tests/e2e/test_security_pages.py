"""Security pages in a browser: passkeys, and no axe violations."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from tests.e2e.accessibility import check_themes
from tests.e2e.conftest import TIMEOUT_MS
from tests.e2e.test_first_walk import PASSWORD, _sign_up

pytestmark = pytest.mark.browser
PAGES = (
    "/accounts/2fa/", "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/add/", "/accounts/2fa/totp/activate/",
    "/accounts/2fa/recovery-codes/", "/accounts/sessions/", "/accounts/delete/", "/accounts/tokens/",
    "/accounts/tokens/new/",
)  # fmt: skip
# A virtual authenticator that always confirms the user.
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def phone(browser: Browser, site: str) -> Iterator[Page]:
    """Open a page with a virtual authenticator, on `localhost`, because passkeys are bound to a host name."""
    context = browser.new_context(
        base_url=site.replace("127.0.0.1", "localhost"),
        viewport={"width": 390, "height": 844},
        locale="en",
        reduced_motion="reduce",  # no colour transitions, which would distort contrast checks
    )
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if "Content Security" in message.text else None
    )
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield page
    context.close()
    assert errors == []


def test_passkey_logs_in_and_pages_are_accessible(phone: Page) -> None:
    _sign_up(phone)
    phone.goto("/accounts/2fa/")
    phone.get_by_role("link", name="Add passkey").click()
    phone.get_by_label("Password").fill(PASSWORD)  # reauthentication
    phone.get_by_role("button", name="Confirm").click()
    phone.get_by_label("Name").fill("My phone")
    phone.get_by_role("button", name="Add").click()
    expect(phone.get_by_role("heading", name="Recovery codes")).to_be_visible()
    for address in PAGES:
        _expect_no_violation(phone, address)

    phone.context.clear_cookies()
    _expect_no_violation(phone, "/accounts/login/")
    phone.get_by_role("button", name="Log in with a passkey").click()
    expect(phone).to_have_url(re.compile(r"/memories/$"))
    phone.goto("/accounts/2fa/webauthn/")
    expect(phone.get_by_text("My phone")).to_be_visible()
    expect(phone.get_by_text("last used")).to_be_visible()

    phone.context.clear_cookies()
    phone.goto("/accounts/login/")
    phone.get_by_label("Email").fill(User.objects.get().email)
    phone.get_by_label("Password").fill(PASSWORD)
    phone.get_by_role("button", name="Log in", exact=True).click()
    _expect_no_violation(phone)
    phone.get_by_role("button", name="Use a passkey").click()
    expect(phone).to_have_url(re.compile(r"/memories/$"))


def _expect_no_violation(page: Page, address: str = "") -> None:
    """Check both themes, which differ in colours only."""
    if address:
        page.goto(address)
        assert page.url.endswith(address)
    check_themes(page)
