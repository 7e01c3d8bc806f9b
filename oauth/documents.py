"""Apps whose client id is an https address that says what they are (client ID metadata documents, CIMD).

Fetching it is a request to an address that a stranger names. So it is made only for a person who is signed in and is
being asked, never to this machine or its network (the toolkit's fetcher sees to that), seldom, and within seconds.
Such an app counts as one that registered itself.
"""

from typing import Any

from django.conf import settings
from django.utils import timezone
from oauth2_provider import cimd

from accounts.models import User
from accounts.throttling import hit
from oauth import clients, limits, registration
from oauth.models import Application
from oauth.settings import GRANT_TYPES


class Fetcher(cimd.SafeMetadataFetcher):  # type: ignore[misc]
    """Holds a document to the rules of self-registration. It is written for all servers: what is not for us is left."""

    def fetch(self, client_id: str) -> tuple[dict[str, Any], int]:
        document, max_age_s = super().fetch(client_id)
        ours = document | {
            "grant_types": _known(document, "grant_types", GRANT_TYPES),
            "response_types": _known(document, "response_types", ["code"]),
            "redirect_uris": _possible(document.get("redirect_uris")),
        }
        if (refused := registration.refusal_of(ours)) is not None:
            raise cimd.CIMDError(refused.content.decode())
        return ours, max_age_s


def are_read() -> bool:
    return bool(settings.OAUTH2_PROVIDER["CIMD_ENABLED"])


def is_address(client_id: str) -> bool:
    return are_read() and bool(cimd.is_cimd_client_id(client_id))


def look_at(client_id: str, person: User) -> None:
    """Make the app of this address known, or known anew when its document is old; nothing where that fails.

    Raises LimitReached.
    """
    known = Application.objects.filter(client_id=client_id).first()
    if known is not None and not _is_old(known):
        return
    hit(limits.DOCUMENTS, str(person.pk))
    cimd.resolve_cimd_application(client_id, request=None)


def host_of(application: Application) -> str:
    """The host that said what this app is; empty for one that is known otherwise."""
    if application.registration_source != Application.RegistrationSource.CIMD:
        return ""
    return str(cimd.urlparse(application.client_id).hostname)


def _is_old(application: Application) -> bool:
    is_of_document = application.registration_source == Application.RegistrationSource.CIMD
    return is_of_document and (application.cimd_expires_at or timezone.now()) <= timezone.now()


def _possible(uris: Any) -> Any:
    """Those of its addresses that an app may have here."""
    if not isinstance(uris, list):
        return uris
    return [uri for uri in uris if isinstance(uri, str) and not clients.fault_of(uri)]


def _known(document: dict[str, Any], name: str, known: list[str]) -> Any:
    """What a list of the document says that is known here; what is no list stays, to be refused."""
    given = document.get(name, known[:1])
    return [each for each in given if each in known] if isinstance(given, list) else given
