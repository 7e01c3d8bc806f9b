"""A stolen disk opens no door: no token, code, secret, password or key of a session lies on it."""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from tests.chaos.people import PASSWORD, Person, found, signed_up
from tests.chaos.product import running_product
from tests.chaos.report import say
from tests.chaos.traces import dump, files, find
from tests.interop.consent import say_yes

pytestmark = pytest.mark.slow

REDIRECT = "https://notes.example/callback"
SECRET = re.compile(r"<code>([A-Z2-7]{32})</code>")
TOKENS = ("access_token", "refresh_token")
DUMP = "pg_dump"

Stolen = tuple[dict[str, str], dict[str, bytes]]


@pytest.fixture(scope="module")
def stolen() -> Iterator[Stolen]:
    """What opens something, by name; and the dump with every file, after an app and a person used all of it."""
    with running_product(WEB_WORKERS="1") as product, signed_up(product.address, "ada") as [ada]:
        opens = connect(ada, product.address) | second_factor(ada) | {"password": PASSWORD}
        opens["session key"] = ada.cookie("picard_session")
        lie_about(ada, opens)
        dumped = dump(product)
        assert product.stop() == 0
        yield opens, {DUMP: dumped} | files(product)


def second_factor(ada: Person) -> dict[str, str]:
    """An authenticator app is set up, another is begun and left; one recovery code is used."""
    activate, codes = "/accounts/2fa/totp/activate/", "/accounts/2fa/recovery-codes/"
    ada.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = found(SECRET, ada.get(activate).text)
    ada.post(activate, {"code": totp(secret)})
    kept = re.findall(r"<code>(\d{8})</code>", ada.get(codes).text)
    assert len(kept) == 10
    ada.post("/accounts/2fa/totp/deactivate/")
    return {
        "app's secret": secret,
        "unfinished app's secret": found(SECRET, ada.get(activate).text),
        "recovery code": kept[0],
    }


def totp(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def connect(ada: Person, site: str) -> dict[str, str]:
    """An app registers itself, is connected, refreshes; its last tokens and one code stay unused."""
    asked = {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_post"}
    with httpx.Client(base_url=site) as app:
        made = app.post("/oauth/register/", json=asked).json()
        client = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
        verifier = secrets.token_urlsafe(48)
        redeemed, unused = (code(ada, site, made["client_id"], verifier) for _ in range(2))
        form = client | {"code": redeemed, "redirect_uri": REDIRECT, "code_verifier": verifier}
        first = app.post("/oauth/token/", data=form | {"grant_type": "authorization_code"}).json()
        again = client | {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = app.post("/oauth/token/", data=again).json()
        headers = {"Authorization": f"Bearer {second['access_token']}"}
        assert app.get("/api/v1/whoami/", headers=headers).status_code == 200
    pairs = {"first": first, "second": second}
    return {
        "client secret": made["client_secret"],
        "registration token": made["registration_access_token"],
        "code": redeemed,
        "unused code": unused,
        **{f"{which} {name}": pair[name] for which, pair in pairs.items() for name in TOKENS},
    }


def code(ada: Person, site: str, client_id: str, verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    asked: dict[str, Any] = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT,
        "scope": "memories:read memories:write",
        "state": "s",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "resource": f"{site}/api",
    }
    sent_to = say_yes(ada, str(httpx.URL("/oauth/authorize/", params=asked)))
    return parse_qs(urlsplit(sent_to).query)["code"][0]


def lie_about(ada: Person, opens: dict[str, str]) -> None:
    """What opens something comes in where it does not belong, too."""
    for secret in opens.values():
        ada.get("/memories/", params={"access_token": secret})
        ada.ask("GET", "/api/v1/whoami/", headers={"Authorization": f"Bearer {secret}x"})
        ada.ask("POST", "/oauth/token/", data={"grant_type": "refresh_token", "refresh_token": secret + "x"})


def test_nothing_that_opens_a_door_is_found(stolen: Stolen) -> None:
    opens, places = stolen
    say(f"{len(opens)} secrets, {len(places)} places, {sum(map(len, places.values())):,} bytes searched")
    assert {name: find(secret, places) for name, secret in opens.items() if find(secret, places)} == {}


def test_what_lies_in_the_clear_is_found(stolen: Stolen) -> None:
    _opens, places = stolen
    assert DUMP in find("ada@example.org", places)
    assert DUMP in find(REDIRECT, places)
