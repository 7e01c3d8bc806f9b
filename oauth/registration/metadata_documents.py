"""Apps whose client id is an https address that says what they are (client ID metadata documents, CIMD).

Fetching it is a request to an address that a stranger names. So it is made only for a person who is signed in and is
being asked, never to this machine or its network (the toolkit's rules see to that), seldom, and within seconds.
Such an app counts as one that registered itself.
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

# RFC 3986 2. An app without a name is called by its address, so that must read as it is, as a name must.
ADDRESS = re.compile(r"[!-~]+")
HTTPS_PORT = 443
ACCEPTED = "application/json, application/*+json"


class MetadataDocumentFetcher(cimd.SafeMetadataFetcher):  # type: ignore[misc]
    """Holds a document to the rules of self-registration. It is written for all servers: what is not for us is left."""

    def fetch(self, client_id: str) -> tuple[dict[str, object], int]:
        if not ADDRESS.fullmatch(client_id):
            raise cimd.CIMDError("client_id holds what no address does")
        try:
            document, max_age_s = self._fetch_document(client_id)
        except (
            RecursionError,
            ValueError,
        ):  # of an address or a document that is none: nothing of ours failed
            raise cimd.CIMDError("the address or its document cannot be read") from None
        ours = document | {
            "grant_types": _filter_known_values(document, "grant_types", GRANT_TYPES),
            "response_types": _filter_known_values(document, "response_types", ["code"]),
            "redirect_uris": _filter_redirect_uris(document.get("redirect_uris")),
        }
        if (refused := dynamic_registration.get_metadata_error(ours)) is not None:
            raise cimd.CIMDError(refused.content.decode())
        return ours, max_age_s

    def _fetch_document(self, client_id: str) -> tuple[dict[str, object], int]:
        """As the toolkit does, from the very address that it looked at; but whole within the time.

        Its own time-out begins anew with every byte that comes, so whoever sends them slowly would hold a thread.
        """
        until = monotonic() + settings.OAUTH2_PROVIDER["CIMD_FETCH_TIMEOUT_SECONDS"]
        cimd._validate_client_id_url(client_id)
        asked = urlsplit(client_id)
        addresses = cimd._resolve_and_validate(asked.hostname, asked.port or HTTPS_PORT)
        problem: Exception | None = None
        for address in addresses:
            try:
                with _open_connection(asked, address, until) as connection:
                    path = f"{asked.path}?{asked.query}" if asked.query else asked.path
                    connection.request("GET", path, headers={"Host": asked.netloc, "Accept": ACCEPTED})
                    read: tuple[dict[str, object], int] = self._read_document(connection.getresponse())
                    return read
            except (OSError, HTTPException) as error:
                problem = error
        raise cimd.CIMDError(f"the document does not come: {problem}")


def is_enabled() -> bool:
    return bool(settings.OAUTH2_PROVIDER["CIMD_ENABLED"])


def is_metadata_url(client_id: str) -> bool:
    return is_enabled() and bool(cimd.is_cimd_client_id(client_id))


def refresh_metadata(client_id: str, person: User) -> None:
    """Make the app of this address known, or known anew when its document is old; nothing where that fails.

    Raises LimitReached for one that is not known.
    """
    known = Application.objects.filter(client_id=client_id).first()
    if known is not None and not _is_stale(known):
        return
    try:
        enforce_rate_limit(rate_limits.METADATA_DOCUMENTS, str(person.pk))
    except RateLimitExceeded:
        if known is None:
            raise
        return  # as where its document is away
    cimd.resolve_cimd_application(client_id, request=None)


def get_metadata_host(application: Application) -> str:
    """The host that said what this app is; empty for one that is known otherwise."""
    if application.registration_source != Application.RegistrationSource.CIMD:
        return ""
    return str(urlsplit(application.client_id).hostname)


@contextmanager
def _open_connection(asked: SplitResult, address: str, until: float) -> Iterator[HTTPConnection]:
    """To this address of the host, which proves its name; it breaks at `until`, whatever is under way."""
    with (
        socket.create_connection(
            (address, asked.port or HTTPS_PORT), timeout=_get_remaining_s(until)
        ) as plain,
        _wrap_in_tls(plain, asked.hostname, until) as secured,
    ):
        connection = HTTPConnection(asked.hostname or "")
        connection.sock = secured
        end = Timer(_get_remaining_s(until), socket.socket.shutdown, (secured, socket.SHUT_RDWR))
        end.daemon = True
        end.start()
        try:
            yield connection
        finally:
            end.cancel()


def _wrap_in_tls(plain: socket.socket, host: str | None, until: float) -> ssl.SSLSocket:
    plain.settimeout(
        _get_remaining_s(until)
    )  # of the whole greeting; what connecting took is not given once more
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _get_remaining_s(until: float) -> float:
    if (left := until - monotonic()) <= 0:
        raise TimeoutError("the time is over")
    return left


def _is_stale(application: Application) -> bool:
    is_of_document = application.registration_source == Application.RegistrationSource.CIMD
    return is_of_document and (application.cimd_expires_at or timezone.now()) <= timezone.now()


def _filter_redirect_uris(uris: object) -> object:
    """Those of its addresses that an app may have here."""
    if not isinstance(uris, list):
        return uris
    return [
        uri for uri in uris if isinstance(uri, str) and not manual_registration.get_redirect_uri_error(uri)
    ]


def _filter_known_values(document: dict[str, object], name: str, known: list[str]) -> object:
    """What a list of the document says that is known here; what is no list stays, to be refused."""
    given = document.get(name, known[:1])
    return [each for each in given if each in known] if isinstance(given, list) else given
