"""OAuth for a program without browser: discovery (RFC 8414), registration (RFC 7591), device flow (RFC 8628), refresh,
revocation (RFC 7009).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from picard_memory import pages
from picard_memory.answers import Retry, build_error, describe_failure, now, read_json
from picard_memory.errors import NotLoggedInError, PicardError, UnexpectedAnswerError
from picard_memory.profiles import Credentials, Profile
from picard_memory.requests import build_headers, check_connection_settings

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL_S = 5  # RFC 8628 3.2
SLOW_DOWN_S = 5  # RFC 8628 3.5
TIMEOUT_S = 15.0  # other programs may wait for the one that renews
MAX_WAIT_S = 15.0
NO_DEVICE_FLOW = (
    "This server has no log-in by code. Create a token at {url}{page}, then: picard login {url} --token"
)


class OAuthError(PicardError):
    """The authorization server's error (RFC 6749 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description or error)
        self.error = error


@dataclass(frozen=True)
class Metadata:
    """The endpoints of a server; None for one that it lacks."""

    url: str
    token_endpoint: str
    registration_endpoint: str | None
    device_endpoint: str | None
    revocation_endpoint: str | None


@dataclass(frozen=True)
class DeviceAuthorization:
    """A log-in that the user has to approve in a browser, on any computer, before `expires_at`."""

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_at: float
    interval_s: float
    device_code: str = field(repr=False)


def discover_endpoints(url: str) -> Metadata:
    """Return the endpoints of a server. Raises UnexpectedAnswerError if it is not Picard, or has another URL."""
    response = _request("GET", f"{url}/.well-known/oauth-authorization-server", url)
    if not response.is_success:
        raise (
            build_error(response)
            if response.status_code >= 500
            else UnexpectedAnswerError(
                f"{url} is not a Picard server: it has no OAuth metadata (status {response.status_code})."
            )
        )
    body = _read_object(response)
    issuer, token_endpoint = body.get("issuer"), body.get("token_endpoint")
    if not isinstance(issuer, str) or not isinstance(token_endpoint, str):
        raise UnexpectedAnswerError(f"{url} is not a Picard server: its OAuth metadata is incomplete.")
    if issuer.rstrip("/") != url:  # RFC 8414 3.3
        raise UnexpectedAnswerError(f"This server's URL is {issuer}. Use it to log in: picard login {issuer}")
    optional = {
        name: value if isinstance(value := body.get(f"{name}_endpoint"), str) else None
        for name in ("registration", "device_authorization", "revocation")
    }
    return Metadata(
        url=url,
        token_endpoint=token_endpoint,
        registration_endpoint=optional["registration"],
        device_endpoint=optional["device_authorization"],
        revocation_endpoint=optional["revocation"],
    )


def register_client(metadata: Metadata, name: str) -> str:
    """Register this computer as a public client of the device flow; return its client ID."""
    if metadata.registration_endpoint is None or metadata.device_endpoint is None:
        raise NotLoggedInError(NO_DEVICE_FLOW.format(url=metadata.url, page=pages.TOKENS))
    registration = {
        "client_name": name,
        "grant_types": [DEVICE_GRANT, "refresh_token"],
        "token_endpoint_auth_method": "none",
    }
    response = _request("POST", metadata.registration_endpoint, metadata.url, json=registration)
    client_id = _check_answer(response).get("client_id")
    if not isinstance(client_id, str):
        raise UnexpectedAnswerError("The response to the registration has no client ID.")
    return client_id


def start_device_flow(metadata: Metadata, client_id: str, scopes: Sequence[str]) -> DeviceAuthorization:
    """Ask for a code that the user enters in a browser. Raises OAuthError (invalid_client) for a deleted client."""
    if metadata.device_endpoint is None:
        raise NotLoggedInError(NO_DEVICE_FLOW.format(url=metadata.url, page=pages.TOKENS))
    form = {"client_id": client_id, "scope": " ".join(scopes), "resource": f"{metadata.url}/api"}
    body = _check_answer(_request("POST", metadata.device_endpoint, metadata.url, data=form))
    try:
        if not str(body["verification_uri"]).startswith(("https://", "http://")):
            raise ValueError("a browser could run something else")
        return DeviceAuthorization(
            user_code=str(body["user_code"]),
            verification_uri=str(body["verification_uri"]),
            verification_uri_complete=body.get("verification_uri_complete"),
            expires_at=now() + float(body["expires_in"]),
            interval_s=float(body.get("interval") or DEFAULT_INTERVAL_S),
            device_code=str(body["device_code"]),
        )
    except (KeyError, TypeError, ValueError):
        raise UnexpectedAnswerError("The response to the log-in is incomplete.") from None


def wait_for_approval(metadata: Metadata, client_id: str, device: DeviceAuthorization) -> Credentials:
    """Poll until the user approved. Raises NotLoggedInError if they declined or the code expired."""
    interval_s = device.interval_s
    form = {"grant_type": DEVICE_GRANT, "client_id": client_id, "device_code": device.device_code}
    while now() < device.expires_at:
        time.sleep(interval_s)
        try:
            body = _check_answer(_request("POST", metadata.token_endpoint, metadata.url, data=form))
        except OAuthError as error:
            if error.error == "slow_down":
                interval_s += SLOW_DOWN_S
            elif error.error == "access_denied":
                raise NotLoggedInError("The log-in was declined.") from None
            elif error.error == "expired_token":
                break
            elif error.error != "authorization_pending":
                raise
        else:
            return _read_credentials(body)
    raise NotLoggedInError("The code expired before it was approved. Try again.")


def refresh_credentials(profile: Profile) -> Credentials:
    """Return new tokens. Raises NotLoggedInError if the user must log in again."""
    credentials = profile.credentials
    if credentials is None or credentials.refresh_token is None or profile.token_endpoint is None:
        raise NotLoggedInError(f"You are not logged in. Log in: picard login {profile.url}")
    form = {
        "grant_type": "refresh_token",
        "client_id": profile.client_id or "",
        "refresh_token": credentials.refresh_token,
    }
    try:
        body = _check_answer(_request("POST", profile.token_endpoint, profile.url, data=form))
    except OAuthError as error:
        if error.error in ("invalid_grant", "invalid_client"):
            raise NotLoggedInError(
                f"Your log-in has ended: {error} Log in: picard login {profile.url}"
            ) from None
        raise
    return _read_credentials(body, refresh_token=credentials.refresh_token)


def revoke_credentials(profile: Profile) -> None:
    """Revoke the tokens at the server. Those of an app that it no longer knows are revoked already."""
    credentials = profile.credentials
    if credentials is None or profile.revocation_endpoint is None:
        return
    token = credentials.refresh_token or credentials.access_token
    form = {"client_id": profile.client_id or "", "token": token}
    try:
        _check_answer(_request("POST", profile.revocation_endpoint, profile.url, data=form), is_empty=True)
    except OAuthError as error:
        if error.error != "invalid_client":
            raise


def _request(
    method: str,
    endpoint: str,
    url: str,
    *,
    data: Mapping[str, str] | None = None,
    json: object = None,
) -> httpx.Response:
    """Send a request; repeat it if the server is unavailable. A repeated refresh gets the same answer."""
    retry = Retry(is_repeatable=True, max_wait_s=MAX_WAIT_S)
    with check_connection_settings():
        client = httpx.Client(timeout=TIMEOUT_S, headers=build_headers())
    with client as http:
        while True:
            try:
                response = http.request(method, endpoint, data=data, json=json)
                wait_s = retry.get_wait_after_response(response)
                if wait_s is None:
                    return response
            except httpx.TransportError as error:
                wait_s = retry.get_wait_after_failure(error)
                if wait_s is None:
                    raise describe_failure(error, url) from None
            time.sleep(wait_s)


def _check_answer(response: httpx.Response, *, is_empty: bool = False) -> dict[str, Any]:
    """Return the body of an answer. Raises OAuthError, or PicardError if it is none of an authorization server."""
    if response.is_success:
        return {} if is_empty else _read_object(response)
    try:
        body = _read_object(response)
    except UnexpectedAnswerError:
        body = {}
    if isinstance(error := body.get("error"), str):
        raise OAuthError(error, str(body.get("error_description") or ""))
    raise build_error(response)


def _read_object(response: httpx.Response) -> dict[str, Any]:
    body = read_json(response)
    if not isinstance(body, dict):
        raise UnexpectedAnswerError("The response has an invalid form. Is this the URL of a Picard server?")
    return body


def _read_credentials(body: Mapping[str, Any], *, refresh_token: str | None = None) -> Credentials:
    try:
        return Credentials(
            access_token=str(body["access_token"]),
            refresh_token=body.get("refresh_token") or refresh_token,
            expires_at=now() + float(body["expires_in"]) if "expires_in" in body else None,
        )
    except (KeyError, TypeError, ValueError):
        raise UnexpectedAnswerError("The response has no token.") from None
