"""A stolen disk gives no access: it contains no token, code, secret, password or session key."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from oauth.settings import DEVICE_GRANT
from tests.accounts.openid.provider import ProviderProcess, get_parameters, visit_provider
from tests.chaos.people import PASSWORD, TOKEN, Person, find_match, signed_up
from tests.chaos.product import running_product
from tests.chaos.report import say
from tests.chaos.traces import dump_database, find_text, read_files
from tests.interop.consent import allow_access, allow_device
from tests.totp import compute_code

pytestmark = pytest.mark.slow

REDIRECT = "https://notes.example/callback"
SECRET = re.compile(r"<code>([A-Z2-7]{32})</code>")
PERSONAL_TOKEN = re.compile(r"(pic_pat_\w+)<")
FORM_ID = re.compile(r'name="form_id" value="([0-9a-f-]+)"')
TOKENS = ("access_token", "refresh_token")
DUMP = "pg_dump"

Stolen = tuple[dict[str, str], dict[str, bytes]]


@pytest.fixture(scope="module")
def stolen() -> Iterator[Stolen]:
    """The credentials by name, and the dump and every file, after an app and a user used all credentials."""
    with (
        ProviderProcess() as provider,
        running_product(WEB_WORKERS="1", **provider.variables) as product,
        signed_up(product.address, "ada") as [ada],
    ):
        credentials = (
            {"password": PASSWORD}
            | log_in_by_provider(product.address, provider)
            | connect_app(ada, product.address)
            | connect_device(ada, product.address)
            | use_second_factor(ada)
        )
        credentials["personal access token"] = create_personal_token(ada, product.address)
        credentials["session key"] = ada.cookie("picard_session")
        send_where_not_expected(ada, credentials)
        dumped = dump_database(product)
        assert product.stop() == 0
        yield credentials, {DUMP: dumped} | read_files(product)


def log_in_by_provider(site: str, provider: ProviderProcess) -> dict[str, str]:
    """Sign up by an OpenID provider, and leave a second log-in unfinished."""
    provider.be_person("subject-of-grace", "grace@example.org", claims_only_in_userinfo=True)
    with closing(Person(site, "grace")) as grace:
        for is_finished in (True, False):
            grace._browser.cookies.clear()
            grace._token = find_match(TOKEN, grace.get("/accounts/login/").text)
            location = grace.post("/accounts/openid/login/").headers["Location"]
            request = get_parameters(location)
            if is_finished:
                response = visit_provider(location)
                assert grace.get(response).headers["Location"] == "/memories/"
    [exchange], [userinfo] = provider.list_received("/token"), provider.list_received("/userinfo")
    return {
        "subject at the provider": "subject-of-grace",
        "client secret at the provider": provider.settings.client_secret,
        "code of the provider": exchange["values"]["code"],
        "verifier": exchange["values"]["code_verifier"],
        "access token of the provider": userinfo["headers"]["Authorization"].removeprefix("Bearer "),
        "state of a log-in": request["state"],
        "nonce of a log-in": request["nonce"],
    }


def use_second_factor(ada: Person) -> dict[str, str]:
    """Set up an authenticator app, view the recovery codes, and start a second set-up without finishing it."""
    activate, codes = "/accounts/2fa/totp/activate/", "/accounts/2fa/recovery-codes/"
    ada.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = find_match(SECRET, ada.get(activate).text)
    ada.post(activate, {"code": compute_code(secret)})
    codes_shown = re.findall(r"<code>(\d{8})</code>", ada.get(codes).text)
    assert len(codes_shown) == 10
    ada.post("/accounts/2fa/totp/deactivate/")
    return {
        "app's secret": secret,
        "unfinished app's secret": find_match(SECRET, ada.get(activate).text),
        "recovery code": codes_shown[0],
    }


def create_personal_token(ada: Person, site: str) -> str:
    """Create a token on the page, and use it."""
    form_id = find_match(FORM_ID, ada.get("/accounts/tokens/new/").text)
    form = {"form_id": form_id, "name": "Script", "scopes": "memories:read", "reach": "all"}
    token = find_match(PERSONAL_TOKEN, ada.post("/accounts/tokens/new/", form).text)
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{site}/api/v1/whoami/", headers=headers).status_code == 200
    return token


def connect_app(ada: Person, site: str) -> dict[str, str]:
    """Register and connect an app, and refresh its tokens; one code stays unused."""
    request = {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_post"}
    with httpx.Client(base_url=site) as app:
        registered = app.post("/oauth/register/", json=request).json()
        client = {"client_id": registered["client_id"], "client_secret": registered["client_secret"]}
        verifier = secrets.token_urlsafe(48)
        redeemed, unused = (get_code(ada, site, registered["client_id"], verifier) for _ in range(2))
        form = client | {"code": redeemed, "redirect_uri": REDIRECT, "code_verifier": verifier}
        first = app.post("/oauth/token/", data=form | {"grant_type": "authorization_code"}).json()
        again = client | {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = app.post("/oauth/token/", data=again).json()
        headers = {"Authorization": f"Bearer {second['access_token']}"}
        assert app.get("/api/v1/whoami/", headers=headers).status_code == 200
    pairs = {"first": first, "second": second}
    return {
        "client secret": registered["client_secret"],
        "registration token": registered["registration_access_token"],
        "code": redeemed,
        "unused code": unused,
        **{f"{which} {name}": pair[name] for which, pair in pairs.items() for name in TOKENS},
    }


def connect_device(ada: Person, site: str) -> dict[str, str]:
    """Connect a device by its code; the codes of another wait for their user."""
    request = {"grant_types": [DEVICE_GRANT], "token_endpoint_auth_method": "none"}
    with httpx.Client(base_url=site) as device:
        client = {"client_id": device.post("/oauth/register/", json=request).json()["client_id"]}
        waiting, used = (device.post("/oauth/device-authorization/", data=client).json() for _ in range(2))
        allow_device(ada, used["verification_uri_complete"])
        form = client | {"grant_type": DEVICE_GRANT, "device_code": used["device_code"]}
        pair = device.post("/oauth/token/", data=form).json()
    codes = {"waiting": waiting, "used": used}
    return {
        **{
            f"{which} {name}": code[name]
            for which, code in codes.items()
            for name in ("device_code", "user_code")
        },
        **{f"device's {name}": pair[name] for name in TOKENS},
    }


def get_code(ada: Person, site: str, client_id: str, verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    request: dict[str, Any] = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT,
        "scope": "memories:read memories:write",
        "state": "s",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "resource": f"{site}/api",
    }
    redirect = allow_access(ada, str(httpx.URL("/oauth/authorize/", params=request)))
    return parse_qs(urlsplit(redirect).query)["code"][0]


def send_where_not_expected(ada: Person, credentials: dict[str, str]) -> None:
    """Send every credential in requests where it does not belong, as a mistaken client would."""
    for secret in credentials.values():
        ada.get("/memories/", params={"access_token": secret})
        ada.send_request("GET", "/api/v1/whoami/", headers={"Authorization": f"Bearer {secret}x"})
        ada.send_request(
            "POST", "/oauth/token/", data={"grant_type": "refresh_token", "refresh_token": secret + "x"}
        )


def test_no_credential_is_found_on_the_disk(stolen: Stolen) -> None:
    credentials, places = stolen
    say(
        f"{len(credentials)} secrets, {len(places)} places, {sum(map(len, places.values())):,} bytes searched"
    )
    assert {
        name: find_text(secret, places) for name, secret in credentials.items() if find_text(secret, places)
    } == {}


def test_unencrypted_data_is_found(stolen: Stolen) -> None:
    _opens, places = stolen
    assert DUMP in find_text("ada@example.org", places)
    assert DUMP in find_text(REDIRECT, places)
