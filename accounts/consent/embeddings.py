"""The user's consent to a remote embedding provider. Without it their private texts and searches stay on this machine.

The user gives it in the profile. It names the host: a new host needs new consent.
"""

from collections.abc import Collection
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.dispatch import Signal
from django.utils.translation import gettext as _

from accounts.models import User
from core.hosts import OPENAI_HOST, is_loopback_host

consent_given = Signal()  # argument: person


def get_provider_host() -> str:
    """Return the host that texts are sent to for embedding, empty if they stay on this machine.

    It is empty for an operator's own provider class too, whose host is unknown.
    """
    if settings.EMBEDDING_PROVIDER != "openai":
        return ""
    host = urlsplit(settings.OPENAI_BASE_URL).hostname or OPENAI_HOST
    return "" if is_loopback_host(host) else host


def is_consent_required() -> bool:
    return bool(get_provider_host())


def has_consented(person: User) -> bool:
    return bool(person.embedding_provider == get_provider_host())


def can_send_texts(person: User) -> bool:
    """Return whether this user's private texts and search queries may be sent to the provider."""
    return not is_consent_required() or has_consented(person)


def filter_consenting_users(ids: Collection[UUID]) -> set[UUID]:
    """Return the ids of those users who consented to the current host."""
    consenting = User.objects.filter(pk__in=ids, embedding_provider=get_provider_host())
    return set(consenting.values_list("pk", flat=True))


def assign_consent(person: User, *, yes: bool) -> None:
    """Set or clear the consent to the current host. The caller saves the user, then sends `consent_given`."""
    person.embedding_provider = get_provider_host() if yes else ""


def get_consent_label() -> str:
    return _("Allow %(host)s to process my memories for search by meaning") % {"host": get_provider_host()}


def get_consent_help_text() -> str:
    return _(
        "The texts of your memories (including private ones) and your searches are sent to %(host)s. Otherwise, only "
        "your public memories are sent, and private ones are found by keyword only."
    ) % {"host": get_provider_host()}
