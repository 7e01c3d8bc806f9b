"""Client ID metadata documents (CIMD): the client id is an https URL of the client's metadata.

Fetching it is a request to a URL chosen by a stranger. So it happens only for a signed-in user, never to this machine
or its network (the toolkit ensures that), with a rate limit and a time limit of seconds. Such clients count as
self-registered.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from threading import Timer
from time import monotonic
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils import timezone
from oauth2_provider import cimd

from accounts.models import User
from accounts.rate_limits import RateLimitExceeded, enforce_rate_limit
from oauth import rate_limits
from oauth.models import Application
from oauth.registration import dynamic as dynamic_registration
from oauth.registration import manual as manual_registration
from oauth.settings import GRANT_TYPES

# RFC 3986 2. An app without a name is shown by this URL, so it must not contain misleading characters.
ADDRESS = re.compile(r"[!-~]+")
HTTPS_PORT = 443
ACCEPTED = "application/json, application/*+json"


class MetadataDocumentFetcher(cimd.SafeMetadataFetcher):  # type: ignore[misc]
    """Fetches documents and applies the rules of self-registration. Drops values meant for other servers."""

    def fetch(self, client_id: str) -> tuple[dict[str, object], int]:
        if not ADDRESS.fullmatch(client_id):
            raise cimd.CIMDError("client_id contains characters that are invalid in a URL")
        try:
            document, max_age_s = self._fetch_document(client_id)
        except (RecursionError, ValueError):
            raise cimd.CIMDError("the URL or its document is malformed") from None
        metadata = document | {
            "grant_types": _filter_known_values(document, "grant_types", GRANT_TYPES),
            "response_types": _filter_known_values(document, "response_types", ["code"]),
            "redirect_uris": _filter_redirect_uris(document.get("redirect_uris")),
        }
        if (error := dynamic_registration.get_metadata_error(metadata)) is not None:
            raise cimd.CIMDError(error.content.decode())
        return metadata, max_age_s

    def _fetch_document(self, client_id: str) -> tuple[dict[str, object], int]:
        """Fetch from the IP address that was validated, like the toolkit, but with a limit on the total time.

        The toolkit's time-out restarts with every byte received, so a slow sender could block a thread.
        """
        deadline = monotonic() + settings.OAUTH2_PROVIDER["CIMD_FETCH_TIMEOUT_SECONDS"]
        cimd._validate_client_id_url(client_id)
        url = urlsplit(client_id)
        addresses = cimd._resolve_and_validate(url.hostname, url.port or HTTPS_PORT)
        last_error: Exception | None = None
        for address in addresses:
            try:
                with _open_connection(url, address, deadline) as connection:
                    path = f"{url.path}?{url.query}" if url.query else url.path
                    connection.request("GET", path, headers={"Host": url.netloc, "Accept": ACCEPTED})
                    result: tuple[dict[str, object], int] = self._read_document(connection.getresponse())
                    return result
            except (OSError, HTTPException) as error:
                last_error = error
        raise cimd.CIMDError(f"the document could not be fetched: {last_error}")


def is_enabled() -> bool:
    return bool(settings.OAUTH2_PROVIDER["CIMD_ENABLED"])


def is_metadata_url(client_id: str) -> bool:
    return is_enabled() and bool(cimd.is_cimd_client_id(client_id))


def refresh_metadata(client_id: str, person: User) -> None:
    """Fetch the client's document if the client is unknown or the document expired; ignore failures.

    Raises RateLimitExceeded if the client is unknown.
    """
    client = Application.objects.filter(client_id=client_id).first()
    if client is not None and not _is_stale(client):
        return
    try:
        enforce_rate_limit(rate_limits.METADATA_DOCUMENTS, str(person.pk))
    except RateLimitExceeded:
        if client is None:
            raise
        return  # use the expired document, as if it could not be fetched
    cimd.resolve_cimd_application(client_id, request=None)


def get_metadata_host(application: Application) -> str:
    """Return the host of the client's metadata document, empty if it has none."""
    if application.registration_source != Application.RegistrationSource.CIMD:
        return ""
    return str(urlsplit(application.client_id).hostname)


@contextmanager
def _open_connection(url: SplitResult, address: str, deadline: float) -> Iterator[HTTPConnection]:
    """Connect to this IP address of the host with TLS. At `deadline` the connection is shut down."""
    with (
        socket.create_connection(
            (address, url.port or HTTPS_PORT), timeout=_get_remaining_s(deadline)
        ) as plain,
        _wrap_in_tls(plain, url.hostname, deadline) as secured,
    ):
        connection = HTTPConnection(url.hostname or "")
        connection.sock = secured
        end = Timer(_get_remaining_s(deadline), socket.socket.shutdown, (secured, socket.SHUT_RDWR))
        end.daemon = True
        end.start()
        try:
            yield connection
        finally:
            end.cancel()


def _wrap_in_tls(plain: socket.socket, host: str | None, deadline: float) -> ssl.SSLSocket:
    plain.settimeout(_get_remaining_s(deadline))  # for the handshake, without the time that connecting took
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _get_remaining_s(deadline: float) -> float:
    if (left := deadline - monotonic()) <= 0:
        raise TimeoutError("the time limit is exceeded")
    return left


def _is_stale(application: Application) -> bool:
    has_document = application.registration_source == Application.RegistrationSource.CIMD
    return has_document and (application.cimd_expires_at or timezone.now()) <= timezone.now()


def _filter_redirect_uris(uris: object) -> object:
    """Return the valid ones of the redirect URIs."""
    if not isinstance(uris, list):
        return uris
    return [
        uri for uri in uris if isinstance(uri, str) and not manual_registration.get_redirect_uri_error(uri)
    ]


def _filter_known_values(document: dict[str, object], name: str, known: list[str]) -> object:
    """Return the known values of a list in the document. Another type is returned as is, to be rejected later."""
    values = document.get(name, known[:1])
    return [value for value in values if value in known] if isinstance(values, list) else values
