"""Client ID metadata documents: rarely and safely fetched, and restricted like self-registration."""

import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import BoundedSemaphore, Event
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
    "redirect_uris": [REDIRECT, "http://robot.example/callback", 7],
    "grant_types": ["authorization_code", "refresh_token", DEVICE],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


@dataclass
class Web:
    """The document at ADDRESS, and how often it was fetched."""

    document: dict[str, Any] = field(default_factory=lambda: dict(GOOD))
    fetched: int = 0

    def fetch(self, _client_id: str) -> tuple[dict[str, Any], int]:
        self.fetched += 1
        if not self.document:
            raise metadata_documents.MetadataDocumentError("not found")
        return dict(self.document), 300


class NoTLS:
    """Replaces a TLS context."""

    def wrap_socket(self, plain: socket.socket, server_hostname: str) -> socket.socket:
        return plain


def drip(server: socket.socket, first: bytes, then: bytes) -> None:
    """Send `first`, then `then` repeatedly until the client closes the connection."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(first)
        while True:
            connection.sendall(then)
            time.sleep(0.01)


def answer(server: socket.socket, response: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(response)


@pytest.fixture(autouse=True)
def enable_metadata_documents(settings: Settings) -> Iterator[None]:
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": True}
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    new_web = Web()
    monkeypatch.setattr(
        metadata_documents.MetadataDocumentFetcher,
        "_fetch_document",
        lambda _fetcher, client_id: new_web.fetch(client_id),
    )
    return new_web


def app() -> App:
    return App(Application(client_id=ADDRESS))


def test_client_is_marked_as_unverified_and_can_connect(web: Web, ada: User, ada_client: Client) -> None:
    page = ada_client.get(AUTHORIZE, app().request()).content.decode()
    assert "<bdi>Robot</bdi> requests access to your memories" in page
    assert "This app is described by <strong>robot.example</strong>" in page
    assert app().request()["client_id"] == ADDRESS
    robot = app()
    tokens = robot.connect(ada)
    assert tokens["scope"] == f"{scopes.READ} {scopes.WRITE}"
    assert robot.refresh(tokens["refresh_token"]).status_code == 200
    assert web.fetched == 1
    [client] = Application.objects.all()
    assert (client.is_self_registered, client.is_public, client.user) == (True, True, None)
    assert client.redirect_uris == REDIRECT  # values meant for other servers are dropped


def test_client_can_request_only_common_scopes(web: Web, ada_client: Client) -> None:
    assert ada_client.get(AUTHORIZE, app().request(scope=scopes.PUBLISH)).status_code == 400


@pytest.mark.compliance("Gaps of the toolkit", "1")
def test_nothing_is_fetched_without_a_signed_in_user(web: Web) -> None:
    assert Client().get(AUTHORIZE, app().request())["Location"].startswith("/accounts/login/")
    for path in ("/oauth/token/", "/oauth/revoke/", "/oauth/introspect/"):
        form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x", "client_id": ADDRESS}
        assert Client().post(path, form).status_code == 401
    assert web.fetched == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"client_id": "https://robot.example/other.json"}, "is not the URL of the document"),
        ({"client_id": None}, "is not the URL of the document"),
        ({"client_secret": "x"}, "contains a client secret"),
        ({"redirect_uris": ["http://robot.example/callback"]}, "http is only allowed for loopback"),
        ({"redirect_uris": []}, "redirect_uris must be a list"),
        ({"redirect_uris": None}, "redirect_uris must be a list"),
        ({"grant_types": ["client_credentials"]}, "grant_types must contain authorization_code"),
    ],
    ids=str,
)
def test_page_says_why_a_document_cannot_be_used(
    web: Web, ada: User, ada_client: Client, change: Any, reason: str
) -> None:
    web.document |= change
    assert ada_client.get(AUTHORIZE, app().request()).status_code == 400
    for _ in range(2):  # the second time from memory
        with pytest.raises(metadata_documents.MetadataDocumentError, match=reason):
            metadata_documents.refresh_metadata(ADDRESS, ada)
    assert web.fetched == 1
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"token_endpoint_auth_method": method}
        for method in (
            "private_key_jwt",
            "tls_client_auth",
            "client_secret_jwt",
            "client_secret_basic",
            "",
            None,
            7,
        )
    ]
    + [{"client_secret": None}, {"jwks_uri": "https://robot.example/jwks.json"}, {"jwks": {"keys": []}}],
    ids=str,
)
def test_every_client_with_a_document_is_public(web: Web, ada: User, change: Any) -> None:
    web.document |= change
    assert app().connect(ada)["scope"] == f"{scopes.READ} {scopes.WRITE}"
    assert Application.objects.get().is_public


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"]
)
def test_private_addresses_are_never_contacted(
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
def test_url_with_misleading_characters_is_rejected(path: str, web: Web, ada_client: Client) -> None:
    """Because an app without a name is shown by the host of its URL."""
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
def test_slow_response_is_aborted(
    first: bytes, then: bytes, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a few slow servers could block every thread."""
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_FETCH_TIMEOUT_SECONDS": 0.2}
    monkeypatch.setattr(cimd, "_ip_is_public", lambda _ip: True)
    monkeypatch.setattr(ssl, "create_default_context", NoTLS)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as other:
        dripping = other.submit(drip, server, first, then)
        with pytest.raises(
            metadata_documents.MetadataDocumentError, match=r"could not be fetched from 127\.0\.0\.1"
        ):
            metadata_documents.MetadataDocumentFetcher().fetch(
                f"https://127.0.0.1:{server.getsockname()[1]}/client.json"
            )
        dripping.result()


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "answered with HTTP status 404"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1/\r\n\r\n", "answered with HTTP status 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{}", "content type application/json"),
        (HEAD + b"\r\n<html>", "is not a JSON object"),
        (HEAD + b"\r\n[]", "is not a JSON object"),
        (HEAD + b"\r\n" + b"[" * 5_000, "is not a JSON object"),
        (HEAD + b"\r\n" + b" " * 20_000, "is too large"),
        (HEAD + b"\r\n{}", "is not the URL of the document"),
        (b"nonsense", "could not be fetched from"),
    ],
)
def test_reason_says_what_was_wrong_with_the_response(
    response: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cimd, "_ip_is_public", lambda _ip: True)
    monkeypatch.setattr(ssl, "create_default_context", NoTLS)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as other:
        answering = other.submit(answer, server, response)
        with pytest.raises(metadata_documents.MetadataDocumentError, match=reason):
            metadata_documents.MetadataDocumentFetcher().fetch(
                f"https://127.0.0.1:{server.getsockname()[1]}/client.json"
            )
        answering.result()


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid", f"{'a' * 64}.example"])
def test_reason_names_the_host_but_no_internal_address(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(metadata_documents.MetadataDocumentError) as caught:
        metadata_documents.MetadataDocumentFetcher().fetch(f"https://{host}/client.json")
    assert str(caught.value) == (
        f"{host}, the host of the app's metadata document, was not found on the public internet."
    )


def test_time_limit_includes_the_dns_lookup(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name server is the stranger's, too, and the system's resolver has time limits of its own."""
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_FETCH_TIMEOUT_SECONDS": 0.2}
    answered = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(60))
    with pytest.raises(
        metadata_documents.MetadataDocumentError, match="was not found on the public internet"
    ):
        metadata_documents.MetadataDocumentFetcher().fetch("https://slow.example/client.json")
    assert not answered.is_set()
    answered.set()


def test_lookups_that_nobody_waits_for_do_not_pile_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_FETCH_TIMEOUT_SECONDS": 0.05}
    answered, started = Event(), list[object]()

    def wait_for_an_answer(*given: object, **_: object) -> None:
        started.append(given)
        answered.wait(60)

    monkeypatch.setattr(metadata_documents, "STRANGERS_HOSTS", BoundedSemaphore(2))
    monkeypatch.setattr(socket, "getaddrinfo", wait_for_an_answer)
    for _ in range(4):
        with pytest.raises(metadata_documents.MetadataDocumentError):
            metadata_documents.MetadataDocumentFetcher().fetch("https://slow.example/client.json")
    assert len(started) == 2
    answered.set()


def test_expired_document_is_refetched_or_kept_if_that_fails(web: Web, ada_client: Client) -> None:
    ada_client.get(AUTHORIZE, app().request())
    for document, name in (({**GOOD, "client_name": "Robot 2"}, "Robot 2"), ({}, "Robot 2")):
        Application.objects.update(cimd_expires_at=timezone.now() - timedelta(seconds=1))
        web.document = document
        assert f"{name} requests access" in ada_client.get(AUTHORIZE, app().request()).content.decode()
    assert web.fetched == 3


def test_fetching_is_rate_limited_per_user(web: Web, ada: User, ada_client: Client) -> None:
    exhaust(rate_limits.METADATA_DOCUMENTS, who=str(ada.pk))
    response = ada_client.get(AUTHORIZE, app().request())
    assert (response.status_code, web.fetched) == (400, 0)
    assert "Too many requests" in response.content.decode()


def test_known_client_works_when_fetching_is_rate_limited(web: Web, ada: User, ada_client: Client) -> None:
    ada_client.get(AUTHORIZE, app().request())
    Application.objects.update(cimd_expires_at=timezone.now() - timedelta(seconds=1))
    exhaust(rate_limits.METADATA_DOCUMENTS, who=str(ada.pk))
    assert ada_client.get(AUTHORIZE, app().request()).status_code == 200
    assert web.fetched == 1


@pytest.mark.parametrize("is_enabled", [True, False])
def test_support_is_advertised_only_if_enabled(
    is_enabled: bool, web: Web, ada_client: Client, settings: Settings
) -> None:
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": is_enabled}
    metadata = Client().get("/.well-known/oauth-authorization-server").json()
    assert metadata["client_id_metadata_document_supported"] is is_enabled
    status = ada_client.get(AUTHORIZE, app().request()).status_code
    assert (status, web.fetched) == ((200, 1) if is_enabled else (400, 0))
