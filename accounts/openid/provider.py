"""Requests to the OpenID provider: its metadata and keys (cached), and its token and userinfo endpoints.

Each is bounded in time and size, follows no redirect and uses no proxy (core/network/outgoing_http.py). What the
provider names must be an https URL, or on this machine if the issuer is.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPException
from threading import BoundedSemaphore
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from accounts.openid.config import OpenIDSettings, get_host, is_secure_url
from accounts.openid.errors import OpenIDError, ProviderUnreachable
from core.circuit_breaker import CircuitBreaker
from core.hosts import is_loopback_host
from core.network.outgoing_http import CONFIGURED_HOSTS, OutgoingRequest, resolve_url, send_request

TOTAL_S = 8.0  # of all requests of one log-in
MAX_BYTES = 256_000
CACHE_S = 3_600.0  # of metadata and keys
KEY_REFRESH_S = 5.0  # an unknown key fetches them again, but not more often
SLOTS, SLOT_WAIT_S = 2, 1.0  # log-ins that wait for the provider at once in a process, and for such a slot
WELL_KNOWN = "/.well-known/openid-configuration"
POST_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}

Json = Mapping[str, object]


@dataclass(frozen=True)
class ProviderMetadata:
    """OpenID Connect Discovery 1.0, section 3. sends_issuer: RFC 9207; announces_auth_time: in claims_supported."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    uses_basic_auth: bool
    sends_issuer: bool
    announces_auth_time: bool


class KeySet(NamedTuple):
    keys: list[Json]
    fetched_at: float


class Provider:
    """The configured provider. Use `get_provider`: it holds caches."""

    def __init__(self, settings: OpenIDSettings) -> None:
        self.settings = settings
        self._metadata: tuple[ProviderMetadata, float] | None = None
        self._keys: KeySet | None = None
        self._slots = BoundedSemaphore(SLOTS)
        self._breaker = CircuitBreaker()

    @contextmanager
    def conversation(self) -> Iterator["Conversation"]:
        """Take one of the few slots for requests to the provider. Raises ProviderUnreachable."""
        if self._breaker.is_open:
            raise ProviderUnreachable("unreachable")
        if not self._slots.acquire(timeout=SLOT_WAIT_S):
            raise ProviderUnreachable("busy")
        try:
            yield Conversation(self, monotonic() + TOTAL_S)
        except ProviderUnreachable:
            self._breaker.record_failure()
            raise
        finally:
            self._slots.release()

    def get_metadata(self) -> ProviderMetadata:
        """Return the provider's metadata. Raises OpenIDError."""
        if cached := self.get_cached_metadata():
            return cached
        with self.conversation() as conversation:
            return conversation.fetch_metadata()

    def get_cached_metadata(self) -> ProviderMetadata | None:
        cached = self._metadata
        return cached[0] if cached and monotonic() - cached[1] < CACHE_S else None

    def store_metadata(self, metadata: ProviderMetadata) -> None:
        self._metadata = (metadata, monotonic())

    def get_cached_keys(self, *, max_age_s: float) -> list[Json] | None:
        cached = self._keys
        return cached.keys if cached and monotonic() - cached.fetched_at < max_age_s else None

    def store_keys(self, keys: list[Json]) -> None:
        self._keys = KeySet(keys, monotonic())


class Conversation:
    """The requests of one log-in, which share a deadline."""

    def __init__(self, provider: Provider, deadline: float) -> None:
        self._provider, self._deadline = provider, deadline
        self.settings = provider.settings

    def fetch_metadata(self) -> ProviderMetadata:
        """Return the provider's metadata. Raises OpenIDError."""
        if cached := self._provider.get_cached_metadata():
            return cached
        document = self._fetch_json(
            OutgoingRequest(urlsplit(self.settings.issuer.rstrip("/") + WELL_KNOWN)), "metadata"
        )
        metadata = parse_metadata(document, self.settings.issuer)
        self._provider.store_metadata(metadata)
        return metadata

    def fetch_keys(self, *, is_refresh: bool = False) -> list[Json]:
        """Return the provider's keys. is_refresh: a key was not among them. Raises OpenIDError."""
        max_age_s = KEY_REFRESH_S if is_refresh else CACHE_S
        if (cached := self._provider.get_cached_keys(max_age_s=max_age_s)) is not None:
            return cached
        document = self._fetch_json(OutgoingRequest(urlsplit(self.fetch_metadata().jwks_uri)), "keys")
        keys = document.get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise OpenIDError("invalid_keys")
        self._provider.store_keys(keys)
        return keys

    def request_tokens(self, form: Mapping[str, str]) -> Json:
        """Send the token request (OpenID Connect Core 3.1.3.1), authenticated. Raises OpenIDError."""
        metadata, headers = self.fetch_metadata(), dict(POST_FORM)
        form = {**form}
        if metadata.uses_basic_auth:
            headers["Authorization"] = _build_basic_auth(self.settings)
        else:
            form |= {"client_id": self.settings.client_id, "client_secret": self.settings.client_secret}
        url = urlsplit(metadata.token_endpoint)
        return self._fetch_json(
            OutgoingRequest(url, "POST", headers, urlencode(form).encode()), "token_response"
        )

    def request_userinfo(self, access_token: str) -> Json:
        """Return the claims at the userinfo endpoint (5.3). Raises OpenIDError."""
        if not (access_token.isascii() and access_token.isprintable() and " " not in access_token):
            raise OpenIDError("invalid_token_response")
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        url = urlsplit(self.fetch_metadata().userinfo_endpoint)
        return self._fetch_json(OutgoingRequest(url, headers=headers), "userinfo")

    def _fetch_json(self, request: OutgoingRequest, what: str) -> Json:
        try:
            addresses = resolve_url(request.url, self._deadline, resolvers=CONFIGURED_HOSTS)
            response = send_request(request, addresses, self._deadline, max_bytes=MAX_BYTES)
        except (OSError, UnicodeError):
            raise ProviderUnreachable("unreachable") from None
        except (HTTPException, ValueError):
            if monotonic() > self._deadline:  # the response was cut off
                raise ProviderUnreachable("unreachable") from None
            raise OpenIDError(f"invalid_{what}") from None
        if response.status != HTTPStatus.OK:
            raise OpenIDError(f"{what}_status_{response.status}")
        if len(response.body) > MAX_BYTES:
            raise OpenIDError(f"{what}_too_large")
        try:
            document = json.loads(response.body)
        except (RecursionError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise OpenIDError(f"invalid_{what}")
        return document


@lru_cache(maxsize=1)
def get_provider(settings: OpenIDSettings) -> Provider:
    return Provider(settings)


def parse_metadata(document: Json, issuer: str) -> ProviderMetadata:
    """Check the metadata of the issuer. Raises OpenIDError."""
    if document.get("issuer") != issuer:  # Discovery 4.3
        raise OpenIDError("metadata_of_other_issuer")
    if "code" not in _get_names(document, "response_types_supported", default=("code",)):
        raise OpenIDError("no_code_flow")
    methods = _get_names(document, "token_endpoint_auth_methods_supported", default=("client_secret_basic",))
    if not methods & {"client_secret_basic", "client_secret_post"}:
        raise OpenIDError("no_client_secret")
    return ProviderMetadata(
        authorization_endpoint=_get_endpoint(document, "authorization_endpoint", issuer),
        token_endpoint=_get_endpoint(document, "token_endpoint", issuer),
        jwks_uri=_get_endpoint(document, "jwks_uri", issuer),
        userinfo_endpoint=_get_endpoint(document, "userinfo_endpoint", issuer)
        if "userinfo_endpoint" in document
        else "",
        # Not if it can be avoided: many servers do not decode what RFC 6749 2.3.1 encodes.
        uses_basic_auth="client_secret_post" not in methods,
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        announces_auth_time="auth_time" in _get_names(document, "claims_supported", default=()),
    )


# --- Private ------------------------------------------------------------------------------------------


def _get_endpoint(document: Json, name: str, issuer: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not is_secure_url(url) or "#" in url:
        raise OpenIDError("invalid_metadata")
    if is_loopback_host(get_host(url)) and not is_loopback_host(get_host(issuer)):
        raise OpenIDError("invalid_metadata")  # a provider elsewhere names no service of this machine
    return url


def _get_names(document: Json, name: str, *, default: tuple[str, ...]) -> set[str]:
    value = document.get(name, list(default))
    return {each for each in value if isinstance(each, str)} if isinstance(value, list) else set()


def _build_basic_auth(settings: OpenIDSettings) -> str:
    """RFC 6749 2.3.1: both parts are form-encoded first; a blank as %20, which all decoders know."""
    pair = f"{quote(settings.client_id, safe='')}:{quote(settings.client_secret, safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
