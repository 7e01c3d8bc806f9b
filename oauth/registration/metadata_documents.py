"""Client ID metadata documents (CIMD): the client id is an https URL of the client's metadata.

Fetching it is a request to a URL chosen by a stranger. So it happens only for a signed-in user, never to this machine
or its network (the toolkit ensures that), with a rate limit and a time limit of seconds. Such clients count as
self-registered.
"""

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException
from time import monotonic
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from oauth2_provider import cimd
from oauth2_provider.settings import oauth2_settings

from accounts.models import User
from accounts.rate_limits import RateLimitExceeded, enforce_rate_limit
from core.network.outgoing_http import (
    STRANGERS_HOSTS,
    OutgoingRequest,
    ServerResponse,
    resolve_url,
    send_request,
)
from oauth import rate_limits
from oauth.models import Application
from oauth.registration.client_metadata import (
    PUBLIC,
    ClientMetadata,
    InvalidClientMetadata,
    parse_client_metadata,
)

# RFC 3986 2. Users see the host of this URL, so it must not contain misleading characters.
ADDRESS = re.compile(r"[!-~]{1,255}")
ACCEPTED = "application/json, application/*+json"
JSON_TYPE = re.compile(r"\s*application/(?:[^\s;/]+\+)?json\s*(?:;|$)", re.IGNORECASE)


class MetadataDocumentError(cimd.CIMDError):  # type: ignore[misc]
    """The document cannot be used. The message is a sentence for the user, without internal addresses."""


class MetadataDocumentFetcher(cimd.SafeMetadataFetcher):  # type: ignore[misc]
    """Fetches documents and applies the rules of self-registration. Every client is public."""

    def fetch(self, client_id: str) -> tuple[ClientMetadata, int]:
        """Return the metadata that hold, and for how many seconds. Raises MetadataDocumentError."""
        if not ADDRESS.fullmatch(client_id):
            raise MetadataDocumentError(
                _("The app's client ID is longer than a URL can be here, or contains invalid characters.")
            )
        document, max_age_s = self._fetch_document(client_id)
        return self._check_document(client_id, document), max_age_s

    def _check_document(self, client_id: str, document: dict[str, object]) -> ClientMetadata:
        if document.get("client_id") != client_id:
            # Otherwise anyone could host the document of another client.
            raise MetadataDocumentError(
                _("The client_id in the app's metadata document is not the URL of the document.")
            )
        if any(document.get(name) for name in ("client_secret", "client_secret_expires_at")):
            raise MetadataDocumentError(_("The app's metadata document contains a client secret."))
        try:
            metadata = parse_client_metadata(document)
        except InvalidClientMetadata as error:
            text = _("The app's metadata document cannot be used. %(reason)s")
            raise MetadataDocumentError(text % {"reason": error.description}) from None
        return replace(metadata, auth_method=PUBLIC)

    def _fetch_document(self, client_id: str) -> tuple[dict[str, object], int]:
        """Fetch from the IP addresses that were validated, like the toolkit, but with a limit on the total time."""
        deadline = monotonic() + settings.OAUTH2_PROVIDER["CIMD_FETCH_TIMEOUT_SECONDS"]
        url, addresses = _resolve_url(client_id, deadline)
        request = OutgoingRequest(url, headers={"Accept": ACCEPTED})
        try:
            response = send_request(
                request, addresses, deadline, max_bytes=oauth2_settings.CIMD_MAX_DOCUMENT_SIZE
            )
        except (OSError, HTTPException):
            text = _("The app's metadata document could not be fetched from %(host)s. Try again in a minute.")
            raise MetadataDocumentError(text % {"host": url.hostname}) from None
        return _parse_document(response, str(url.hostname))


def is_enabled() -> bool:
    return bool(settings.OAUTH2_PROVIDER["CIMD_ENABLED"])


def is_metadata_url(client_id: str) -> bool:
    return is_enabled() and bool(cimd.is_cimd_client_id(client_id))


def refresh_metadata(client_id: str, person: User) -> None:
    """Fetch the client's document for a signed-in user if the client is unknown or the document expired.

    Raises RateLimitExceeded and MetadataDocumentError if no document of the client was fetched yet. Otherwise the
    expired one is used.
    """
    client = Application.find_client(client_id)
    if client is not None and not _is_stale(client):
        return
    try:
        enforce_rate_limit(rate_limits.METADATA_DOCUMENTS, str(person.pk))
        _store_client(client_id)
    except (RateLimitExceeded, MetadataDocumentError):
        if client is None or client.cimd_expires_at is None:
            raise


def note_client(client_id: str, network: str) -> None:
    """Store the client of a device whose user is not known yet, without its document.

    The document is fetched when a signed-in user opens the page for the device's code (decision 0019). Counts as a
    registration of the network. Raises RateLimitExceeded.
    """
    is_url = ADDRESS.fullmatch(client_id) and is_metadata_url(client_id)
    if not is_url or Application.objects.filter(client_id=client_id).exists():
        return
    enforce_rate_limit(rate_limits.REGISTER, network)
    application = Application(
        client_id=client_id,
        client_type=Application.CLIENT_PUBLIC,
        registration_source=Application.RegistrationSource.CIMD,
        registered_from=network,
    )
    application.set_redirection((), device_flow=True)
    Application.objects.bulk_create([application], ignore_conflicts=True)


def _store_client(client_id: str) -> None:
    """Fetch the document and store its client. Raises MetadataDocumentError, also for a URL that has just failed."""
    key = cimd._backoff_cache_key(client_id)
    if reason := cache.get(key):
        raise MetadataDocumentError(reason)
    with cimd._fetch_slot() as is_free:
        if not is_free:
            raise MetadataDocumentError(_("The server is busy. Try again in a minute."))
        try:
            metadata, max_age_s = MetadataDocumentFetcher().fetch(client_id)
        except MetadataDocumentError as error:
            cache.set(key, str(error), oauth2_settings.CIMD_FAILURE_BACKOFF_SECONDS)
            raise
    _save_client(client_id, metadata, timezone.now() + timedelta(seconds=max_age_s))


@transaction.atomic
def _save_client(client_id: str, metadata: ClientMetadata, expires_at: datetime) -> None:
    """Create or change the client. Not as the toolkit, for which a client has one grant, and that a redirect."""
    source = Application.RegistrationSource.CIMD
    client, _is_new = Application.objects.select_for_update(of=("self",)).get_or_create(
        client_id=client_id,
        defaults={
            "registration_source": source,
            "client_type": Application.CLIENT_PUBLIC,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
        },
    )
    if client.registration_source != source:
        raise MetadataDocumentError(_("Another app is registered with this client ID."))
    client.name, client.cimd_expires_at = metadata.name, expires_at
    client.set_redirection(metadata.redirect_uris, device_flow=metadata.device_flow)
    client.save()


def _resolve_url(client_id: str, deadline: float) -> tuple[SplitResult, list[str]]:
    """Return the URL and the IP addresses of its host, which are all public. Raises MetadataDocumentError."""
    try:
        cimd._validate_client_id_url(client_id)
        url = urlsplit(client_id)
    except (cimd.CIMDError, ValueError):
        raise MetadataDocumentError(
            _(
                "The app's client ID is not the https URL of a document: with a path, and without user name or #."
            )
        ) from None
    try:
        return url, resolve_url(url, deadline, resolvers=STRANGERS_HOSTS, find=cimd._resolve_and_validate)
    except (cimd.CIMDError, OSError, UnicodeError):  # the toolkit's message contains the IP address
        text = _("%(host)s, the host of the app's metadata document, was not found on the public internet.")
        raise MetadataDocumentError(text % {"host": url.hostname}) from None


def _parse_document(response: ServerResponse, host: str) -> tuple[dict[str, object], int]:
    """Return the JSON object and for how many seconds it is valid. Raises MetadataDocumentError."""
    if response.status != HTTPStatus.OK:
        text = _("%(host)s answered with HTTP status %(status)s instead of the app's metadata document.")
        raise MetadataDocumentError(text % {"host": host, "status": response.status})
    if len(response.body) > oauth2_settings.CIMD_MAX_DOCUMENT_SIZE:
        raise MetadataDocumentError(_("The app's metadata document is too large."))
    if not JSON_TYPE.match(response.headers.get("Content-Type", "")):
        text = _("%(host)s did not send the app's metadata document with the content type application/json.")
        raise MetadataDocumentError(text % {"host": host})
    try:
        document = json.loads(response.body)
    except (RecursionError, ValueError):
        document = None
    if not isinstance(document, dict):
        text = _("The app's metadata document at %(host)s is not a JSON object.")
        raise MetadataDocumentError(text % {"host": host})
    return document, cimd._effective_max_age(response.headers.get("Cache-Control"))


def _is_stale(application: Application) -> bool:
    has_document = application.registration_source == Application.RegistrationSource.CIMD
    return has_document and (application.cimd_expires_at or timezone.now()) <= timezone.now()
