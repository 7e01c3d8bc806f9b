"""Third-party OAuth clients work with the running server and accept its responses."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client, OAuthError

from memories import scopes
from oauth.registration import manual as manual_registration
from oauth.settings import DEVICE_GRANT
from tests.chaos.people import Person, signed_up
from tests.interop.consent import allow_access, allow_device
from tests.interop.node import HERE, build_command, build_environment, get_program
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
def run_client(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program that prints a URL for the browser; kill it at the end of the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments,
        cwd=HERE,
        env=build_environment(),
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str], prefix: str) -> str:
    """Return the first line with this prefix. Fails with the output if there is none."""
    assert process.stdout
    output: list[str] = []
    for line in process.stdout:
        output.append(line)
        if line.startswith(prefix):
            return line.strip()
    pytest.fail("".join(output))


def test_oauth4webapi_completes_every_flow(site: str, ada: Person) -> None:
    resource = f"{site}/api"
    with run_client(build_command(HERE / "oauth4webapi.mjs", site, resource, redirect_uri())) as client:
        redirect = allow_access(ada, read_line(client, site))
        assert client.stdin
        print(redirect, file=client.stdin, flush=True)
        result = json.loads(read_line(client, "{"))
        assert client.wait(timeout=30) == 0
    assert result["scope"] == BOTH
    assert result["rotated"]
    assert [result[name]["status"] for name in ("withFirst", "withSecond", "withRevoked")] == [200, 200, 401]
    [challenge] = result["withRevoked"]["challenges"]
    assert challenge["error"] == "invalid_token"
    assert challenge["resource_metadata"] == f"{site}/.well-known/oauth-protected-resource/api"
    assert result["before"]["active"]
    assert result["before"]["aud"] == [resource]
    assert result["after"] == {"active": False}


def test_oauth4webapi_connects_a_device(site: str, ada: Person) -> None:
    resource = f"{site}/api"
    with run_client(build_command(HERE / "oauth4webapi_device.mjs", site, resource)) as client:
        page = read_line(client, f"{site}/device/?user_code=")
        assert allow_device(ada, page).is_redirect
        result = json.loads(read_line(client, "{"))
        assert client.wait(timeout=30) == 0
    assert set(result["errors"]) <= {"authorization_pending", "slow_down"}
    assert (result["scope"], result["status"]) == (BOTH, 200)


def test_authlib_connects_a_device(site: str, ada: Person) -> None:
    metadata = httpx.get(f"{site}/.well-known/oauth-authorization-server").json()
    registered = manual_registration.register_app(name="Classic", redirect_uris=[], device_flow=True)
    client_id, secret = registered.application.client_id, registered.secret
    with OAuth2Client(client_id, secret, token_endpoint=metadata["token_endpoint"]) as client:
        codes = httpx.post(
            metadata["device_authorization_endpoint"],
            data={"client_id": client_id, "scope": scopes.READ},
            auth=(client_id, secret),
        ).json()
        poll = {"grant_type": DEVICE_GRANT, "device_code": codes["device_code"]}
        with pytest.raises(OAuthError, match="authorization_pending"):
            client.fetch_token(**poll)
        assert allow_device(ada, codes["verification_uri_complete"]).is_redirect
        assert client.fetch_token(**poll)["scope"] == scopes.READ
        assert client.get(f"{site}/api/v1/whoami/").status_code == 200


def test_oauth_conformance_suite_passes(site: str, ada: Person) -> None:
    port = free_port()
    callback = f"http://127.0.0.1:{port}/callback"
    # Public: the suite sends no secret if the server allows any client to authenticate without one.
    registered = manual_registration.register_app(
        name="Conformance", redirect_uris=[callback], is_public=True
    )
    arguments = ["--url", site, "--port", str(port), "--resource", f"{site}/mcp"]
    arguments += ["--client-id", registered.application.client_id]
    with run_client(build_command(get_program("conformance"), "authorization", *arguments)) as suite:
        httpx.get(allow_access(ada, read_line(suite, f"{site}/oauth/authorize/")))
        output = suite.communicate(timeout=60)[0]
        assert suite.returncode == 0, output
    assert "Total: 3 passed, 0 failed" in output
    assert "warning" not in output.lower(), output


def test_authlib_completes_every_flow(site: str, ada: Person) -> None:
    metadata = httpx.get(f"{site}/.well-known/oauth-authorization-server").json()
    registered = manual_registration.register_app(
        name="Classic", redirect_uris=["https://classic.example/callback"]
    )
    with OAuth2Client(
        registered.application.client_id,
        registered.secret,
        scope=BOTH,
        redirect_uri="https://classic.example/callback",
        code_challenge_method="S256",
        token_endpoint=metadata["token_endpoint"],
    ) as client:
        verifier = "v" * 64
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, resource=f"{site}/api"
        )
        redirect = allow_access(ada, url)
        client.fetch_token(authorization_response=redirect, state=state, code_verifier=verifier)
        assert client.get(f"{site}/api/v1/whoami/").status_code == 200
        first = dict(client.token)
        client.refresh_token(metadata["token_endpoint"])
        assert client.token["refresh_token"] != first["refresh_token"]
        assert client.get(f"{site}/api/v1/whoami/").status_code == 200
        introspection = client.introspect_token(
            metadata["introspection_endpoint"], token=client.token["access_token"]
        )
        assert introspection.json()["scope"] == BOTH
        revocation = client.revoke_token(metadata["revocation_endpoint"], token=client.token["refresh_token"])
        assert revocation.status_code == 200
        assert client.get(f"{site}/api/v1/whoami/").status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.refresh_token(metadata["token_endpoint"])
