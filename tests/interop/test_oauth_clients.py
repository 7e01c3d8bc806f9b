"""Clients of others get along with the really running server, and find nothing to object to in its answers."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client, OAuthError

from memories import scopes
from oauth.registration import manual as manual_registration
from tests.chaos.people import Person, signed_up
from tests.interop.consent import say_yes
from tests.interop.node import HERE, command, environment, program
from tests.processes import free_port

pytestmark = pytest.mark.slow

BOTH = f"{scopes.READ} {scopes.WRITE}"


@pytest.fixture
def ada(site: str) -> Iterator[Person]:
    with signed_up(site, "ada") as [ada]:
        yield ada


def redirect_uri() -> str:
    return f"http://127.0.0.1:{free_port()}/callback"


@contextmanager
def talking(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A program that prints an address for a browser; ended with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, cwd=HERE, env=environment(), stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def line_with(program: subprocess.Popen[str], beginning: str) -> str:
    """The first line that begins so. Fails with all that was said when there is none."""
    assert program.stdout
    said: list[str] = []
    for line in program.stdout:
        said.append(line)
        if line.startswith(beginning):
            return line.strip()
    pytest.fail("".join(said))


def test_the_strictest_client_walks_the_whole_way(site: str, ada: Person) -> None:
    resource = f"{site}/api"
    with talking(command(HERE / "oauth4webapi.mjs", site, resource, redirect_uri())) as client:
        sent_to = say_yes(ada, line_with(client, site))
        assert client.stdin
        print(sent_to, file=client.stdin, flush=True)
        seen = json.loads(line_with(client, "{"))
        assert client.wait(timeout=30) == 0
    assert seen["scope"] == BOTH
    assert seen["rotated"]
    assert [seen[name]["status"] for name in ("withFirst", "withSecond", "withRevoked")] == [200, 200, 401]
    [refused] = seen["withRevoked"]["challenges"]
    assert refused["error"] == "invalid_token"
    assert refused["resource_metadata"] == f"{site}/.well-known/oauth-protected-resource/api"
    assert seen["before"]["active"]
    assert seen["before"]["aud"] == [resource]
    assert seen["after"] == {"active": False}


def test_the_conformance_suite_has_no_objection(site: str, ada: Person) -> None:
    port = free_port()
    callback = f"http://127.0.0.1:{port}/callback"
    # Public: the suite proves itself by no secret wherever a server lets any client do without.
    made = manual_registration.register_app(name="Conformance", redirect_uris=[callback], is_public=True)
    asks = ["--url", site, "--port", str(port), "--resource", f"{site}/mcp"]
    asks += ["--client-id", made.application.client_id]
    with talking(command(program("conformance"), "authorization", *asks)) as suite:
        httpx.get(say_yes(ada, line_with(suite, f"{site}/oauth/authorize/")))
        said = suite.communicate(timeout=60)[0]
        assert suite.returncode == 0, said
    assert "Total: 3 passed, 0 failed" in said
    assert "warning" not in said.lower(), said


def test_a_classic_client_walks_the_whole_way(site: str, ada: Person) -> None:
    found = httpx.get(f"{site}/.well-known/oauth-authorization-server").json()
    made = manual_registration.register_app(
        name="Classic", redirect_uris=["https://classic.example/callback"]
    )
    with OAuth2Client(
        made.application.client_id,
        made.secret,
        scope=BOTH,
        redirect_uri="https://classic.example/callback",
        code_challenge_method="S256",
        token_endpoint=found["token_endpoint"],
    ) as client:
        verifier = "v" * 64
        address, state = client.create_authorization_url(
            found["authorization_endpoint"], code_verifier=verifier, resource=f"{site}/api"
        )
        sent_to = say_yes(ada, address)
        client.fetch_token(authorization_response=sent_to, state=state, code_verifier=verifier)
        assert client.get(f"{site}/api/v1/whoami/").status_code == 200
        first = dict(client.token)
        client.refresh_token(found["token_endpoint"])
        assert client.token["refresh_token"] != first["refresh_token"]
        assert client.get(f"{site}/api/v1/whoami/").status_code == 200
        asked = client.introspect_token(found["introspection_endpoint"], token=client.token["access_token"])
        assert asked.json()["scope"] == BOTH
        given_back = client.revoke_token(found["revocation_endpoint"], token=client.token["refresh_token"])
        assert given_back.status_code == 200
        assert client.get(f"{site}/api/v1/whoami/").status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.refresh_token(found["token_endpoint"])
