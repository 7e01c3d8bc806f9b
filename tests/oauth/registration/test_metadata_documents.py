"""Apps whose client id is an address: what they say there is fetched seldom, carefully, and believed little."""

import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from oauth2_provider import cimd
from pytest_django import Settings

from accounts.models import User
from memories import scopes
from oauth import rate_limits
from oauth.models import Application
from oauth.registration import metadata_documents
from tests.oauth.flows import REDIRECT, App, exhaust

pytestmark = pytest.mark.django_db
AUTHORIZE = "/oauth/authorize/"
ADDRESS = "https://robot.example/client.json"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
GOOD = {
    "client_id": ADDRESS,
    "client_name": "Robot",
    "redirect_uris": [REDIRECT, "some-editor://callback", 7],
    "grant_types": ["authorization_code", "refresh_token", DEVICE],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


@dataclass
class Web:
    """What lies at ADDRESS, and how often it was fetched."""

    document: dict[str, Any] = field(default_factory=lambda: dict(GOOD))
    fetched: int = 0

    def fetch(self, _client_id: str) -> tuple[dict[str, Any], int]:
        self.fetched += 1
        if not self.document:
            raise cimd.CIMDError("nothing there")
        return dict(self.document), 300


class Unsecured:
    """In place of a context of TLS."""

    def wrap_socket(self, plain: socket.socket, server_hostname: str) -> socket.socket:
        return plain


def drip(server: socket.socket, first: bytes, then: bytes) -> None:
    """Answer, and go on answering, until the other side is gone."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(first)
        while True:
            connection.sendall(then)
            time.sleep(0.01)


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> Iterator[None]:
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": True}
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    made = Web()
    monkeypatch.setattr(
        metadata_documents.MetadataDocumentFetcher,
        "_fetch_document",
        lambda _fetcher, client_id: made.fetch(client_id),
    )
    return made


def app() -> App:
    return App(Application(client_id=ADDRESS))


def test_it_is_asked_about_as_one_that_nobody_checked_and_connects(
    web: Web, ada: User, ada_client: Client
) -> None:
    page = ada_client.get(AUTHORIZE, app().request()).content.decode()
    assert "<bdi>Robot</bdi> requests access to your memories" in page
    assert "This app is described by <strong>robot.example</strong>" in page
    assert app().request()["client_id"] == ADDRESS
    robot = app()
    tokens = robot.connect(ada)
    assert tokens["scope"] == f"{scopes.READ} {scopes.WRITE}"
    assert robot.refresh(tokens["refresh_token"]).status_code == 200
    assert web.fetched == 1
    [known] = Application.objects.all()
    assert (known.is_self_registered, known.is_public, known.user) == (True, True, None)
    assert known.redirect_uris == REDIRECT  # what is not for this server is left out


def test_it_may_ask_for_no_more_than_any_app(web: Web, ada_client: Client) -> None:
    assert ada_client.get(AUTHORIZE, app().request(scope=scopes.PUBLISH)).status_code == 400


@pytest.mark.compliance("Gaps of the toolkit", "1")
def test_nothing_is_fetched_for_nobody(web: Web) -> None:
    assert Client().get(AUTHORIZE, app().request())["Location"].startswith("/accounts/login/")
    for path in ("/oauth/token/", "/oauth/revoke/", "/oauth/introspect/"):
        form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x", "client_id": ADDRESS}
        assert Client().post(path, form).status_code == 401
    assert web.fetched == 0


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "https://robot.example/other.json"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"client_secret": "x"},
        {"redirect_uris": ["http://robot.example/callback"]},
        {"redirect_uris": []},
        {"redirect_uris": None},
        {"grant_types": ["client_credentials"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"client_name": "evil\u202egnp.exe"},
        {"client_name": 7},
    ],
    ids=str,
)
def test_a_document_that_is_not_right_makes_no_app(web: Web, ada_client: Client, change: Any) -> None:
    web.document |= change
    assert ada_client.get(AUTHORIZE, app().request()).status_code == 400
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"]
)
def test_this_machine_and_its_network_are_never_asked(
    host: str, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *given, **_: opened.append(given))
    request = app().request(client_id=f"https://{host}/client.json")
    assert ada_client.get(AUTHORIZE, request).status_code == 400
    assert opened == []


@pytest.mark.parametrize(
    "path", ["client\u202egnp.json", "a\u200bclient.json", "klient\u00e9.json", "a client"]
)
def test_its_address_reads_as_it_is(path: str, web: Web, ada_client: Client) -> None:
    """For an app without a name is called by it."""
    address = f"https://robot.example/{path}"
    web.document = {**GOOD, "client_id": address, "client_name": ""}
    assert ada_client.get(AUTHORIZE, app().request(client_id=address)).status_code == 400
    assert not Application.objects.exists()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("first", "then"),
    [(HEAD, b"X: y\r\n"), (HEAD + b"Content-Length: 9000\r\n\r\n", b" ")],
    ids=["head", "body"],
)
def test_whoever_sends_it_byte_by_byte_is_left(
    first: bytes, then: bytes, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon each byte comes: else a few such addresses would hold every thread."""
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_FETCH_TIMEOUT_SECONDS": 0.2}
    monkeypatch.setattr(cimd, "_ip_is_public", lambda _ip: True)
    monkeypatch.setattr(ssl, "create_default_context", Unsecured)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as other:
        sent = other.submit(drip, server, first, then)
        with pytest.raises(cimd.CIMDError):
            metadata_documents.MetadataDocumentFetcher().fetch(
                f"https://127.0.0.1:{server.getsockname()[1]}/client.json"
            )
        sent.result()


def test_what_looking_up_its_host_took_is_not_given_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *given, **_: opened.append(given))
    monkeypatch.setattr(cimd, "_resolve_and_validate", lambda *_: ["192.0.2.1"])
    monkeypatch.setattr(metadata_documents, "monotonic", iter((0.0, 6.0)).__next__)
    with pytest.raises(cimd.CIMDError):
        metadata_documents.MetadataDocumentFetcher().fetch("https://slow.example/client.json")
    assert opened == []


def test_an_old_document_is_fetched_again_and_what_was_known_stays_while_it_is_away(
    web: Web, ada_client: Client
) -> None:
    ada_client.get(AUTHORIZE, app().request())
    for document, name in (({**GOOD, "client_name": "Robot 2"}, "Robot 2"), ({}, "Robot 2")):
        Application.objects.update(cimd_expires_at=timezone.now() - timedelta(seconds=1))
        web.document = document
        assert f"{name} requests access" in ada_client.get(AUTHORIZE, app().request()).content.decode()
    assert web.fetched == 3


def test_a_person_makes_the_server_fetch_only_so_often(web: Web, ada: User, ada_client: Client) -> None:
    exhaust(rate_limits.METADATA_DOCUMENTS, who=str(ada.pk))
    refused = ada_client.get(AUTHORIZE, app().request())
    assert (refused.status_code, web.fetched) == (400, 0)
    assert "Too many requests" in refused.content.decode()


def test_what_is_known_stays_when_no_more_may_be_fetched(web: Web, ada: User, ada_client: Client) -> None:
    ada_client.get(AUTHORIZE, app().request())
    Application.objects.update(cimd_expires_at=timezone.now() - timedelta(seconds=1))
    exhaust(rate_limits.METADATA_DOCUMENTS, who=str(ada.pk))
    assert ada_client.get(AUTHORIZE, app().request()).status_code == 200
    assert web.fetched == 1


@pytest.mark.parametrize("is_on", [True, False])
def test_it_is_said_whether_addresses_are_read(
    is_on: bool, web: Web, ada_client: Client, settings: Settings
) -> None:
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": is_on}
    found = Client().get("/.well-known/oauth-authorization-server").json()
    assert found["client_id_metadata_document_supported"] is is_on
    status = ada_client.get(AUTHORIZE, app().request()).status_code
    assert (status, web.fetched) == ((200, 1) if is_on else (400, 0))
