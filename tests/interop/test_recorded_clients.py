"""Clients that cannot run here: their published or captured requests (recorded/*.json), sent to the running server.

Each finds the server from its 401, is registered or described by its document, asks for consent once, gets and
refreshes its tokens, and must be able to read and to write.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from accounts.models import User
from core.db.roles import Role, connected_as
from memories.mcp.tools import TOOLS
from memories.models import Memory
from oauth.models import AppGrant, Application
from oauth.registration import metadata_documents
from tests.chaos.people import TIMEOUT_S, Person
from tests.interop.consent import allow_access
from tests.interop.test_mcp_clients import ZEBRA
from tests.oauth.registration.test_client_assertions import sign
from tests.processes import serving

pytestmark = pytest.mark.slow

SITE = "https://memory.example.org"
RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
PROXY_HEADERS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Referer": f"{SITE}/"}
PARAMETER = re.compile(r'(\w+)="([^"]*)"')
SCOPE = "memories:read memories:write"


class BehindProxy(httpx.HTTPTransport):
    """Sends the requests for SITE to the server, as a proxy that terminates TLS does."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = httpx.URL(address)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        to = self._address
        sent = httpx.Request(
            request.method,
            request.url.copy_with(scheme=to.scheme, host=to.host, port=to.port),
            headers={**request.headers, **PROXY_HEADERS},
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(sent)


@pytest.fixture(scope="module")
def proxy(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[BehindProxy]:
    with serving(PUBLIC_URL=SITE, TRUSTED_PROXY_HOPS="1") as address, BehindProxy(address) as transport:
        yield transport
    with django_db_blocker.unblock(), connected_as(Role.OWNER):
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture
def ada(proxy: BehindProxy, shared_db: None) -> Iterator[Person]:
    person = Person(SITE, "ada", transport=proxy)
    person.sign_up()
    person.create(ZEBRA)
    yield person
    Application.objects.all().delete()


class RecordedClient:
    """Sends the recorded requests, with the values that differ each time in place of their names in braces."""

    def __init__(self, recorded: Mapping[str, Any], transport: BehindProxy) -> None:
        self.recorded = recorded
        self.http = httpx.Client(base_url=SITE, transport=transport, timeout=TIMEOUT_S)
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.values = {
            "verifier": self.verifier,
            "challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "state": secrets.token_urlsafe(16),
            "origin": SITE,
            "mcp": f"{SITE}/mcp",
            "redirect_uri": recorded["authorize"]["redirect_uri"],
        }
        self.access_token = ""

    def discover(self) -> None:
        """Find the endpoints from the response to a request without a token."""
        refused = self.http.post("/mcp", json=self.build_message("initialize", self.recorded["initialize"]))
        assert refused.status_code == 401
        challenge = dict(PARAMETER.findall(refused.headers["WWW-Authenticate"]))
        resource = self.http.get(challenge["resource_metadata"]).json()
        [issuer] = resource["authorization_servers"]
        self.server = self.http.get(f"{issuer}/.well-known/oauth-authorization-server").json()
        self.values["challenged_scope"] = challenge["scope"]
        self.values["supported_scope"] = " ".join(self.server["scopes_supported"])

    def register(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if (document := self.recorded.get("document")) is not None:
            assert self.server["client_id_metadata_document_supported"]
            self.values["client_id"] = document["client_id"]
            store_client(document, monkeypatch)
        else:
            response = self.http.post(
                self.server["registration_endpoint"], json=self.fill(self.recorded["registration"])
            )
            assert response.status_code == 201, response.text
            self.values |= {name: response.json().get(name, "") for name in ("client_id", "client_secret")}
        self.values["client_assertion"] = sign(self.values["client_id"])["client_assertion"]

    def request_authorization(self, person: Person) -> None:
        query = urlencode(self.fill(self.recorded["authorize"]))
        redirect = allow_access(person, f"{self.server['authorization_endpoint']}?{query}")
        assert redirect.startswith(self.values["redirect_uri"])
        response = parse_qs(urlsplit(redirect).query)
        assert (response["state"], response["iss"]) == ([self.values["state"]], [self.server["issuer"]])
        self.values["code"] = response["code"][0]

    def request_tokens(self, form: Mapping[str, Any]) -> None:
        response = self.http.post(self.server["token_endpoint"], data=self.fill(form))
        assert response.status_code == 200, response.text
        tokens = response.json()
        assert tokens["scope"] == SCOPE
        self.access_token, self.values["refresh_token"] = tokens["access_token"], tokens["refresh_token"]

    def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """Return the result of an MCP request, sent as the revisions with a handshake do."""
        headers = {
            "Authorization": f"Bearer {self.access_token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": self.recorded["initialize"]["protocolVersion"],
        }
        response = self.http.post("/mcp", json=self.build_message(method, params), headers=headers)
        assert response.status_code == 200, (response.status_code, response.text, response.headers)
        [line] = [line for line in response.text.splitlines() if line.removeprefix("data: ").startswith("{")]
        return json.loads(line.removeprefix("data: "))["result"]

    def call_tool(self, name: str, **arguments: Any) -> Any:
        result = self.call("tools/call", {"name": name, "arguments": arguments})
        assert not result.get("isError"), result
        return result["structuredContent"]

    def build_message(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params)}

    def fill(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value.format(**self.values) if isinstance(value, str) else value
            for name, value in parameters.items()
        }


def store_client(document: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Store the client as the consent page does, with this document instead of one from the internet."""
    monkeypatch.setattr(
        metadata_documents.MetadataDocumentFetcher, "_fetch_document", lambda *_: (dict(document), 3_600)
    )
    metadata_documents.refresh_metadata(document["client_id"], User.objects.get())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_client_reads_and_writes_after_one_consent(
    path: Path, ada: Person, proxy: BehindProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = RecordedClient(json.loads(path.read_text(encoding="utf-8")), proxy)
    client.discover()
    client.register(monkeypatch)
    client.request_authorization(ada)
    client.request_tokens(client.recorded["token"])
    client.request_tokens(client.recorded["refresh"])
    assert client.call("initialize", client.recorded["initialize"])["serverInfo"]["name"] == "picard"
    assert len(client.call("tools/list", {})["tools"]) == len(TOOLS)
    assert client.call_tool("search", query="zebra")["results"][0]["text"] == ZEBRA
    written = client.call_tool("add_memory", text=f"Written by {path.stem}.")
    assert Memory.objects.get(pk=written["id"]).source.startswith("mcp:")
    assert AppGrant.objects.get().application.client_id == client.values["client_id"]


def test_every_recorded_client_names_its_sources() -> None:
    assert RECORDED
    for path in RECORDED:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        assert recorded["client"]
        assert recorded["sources"]
        assert ("document" in recorded) != ("registration" in recorded)
