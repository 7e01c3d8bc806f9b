"""A person's yes to a hosted embedding provider: without it their private texts and searches do not leave this machine.

Asked for in the profile. It names the host: another one is asked for anew.
"""

from collections.abc import Collection
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.dispatch import Signal
from django.utils.translation import gettext as _

from accounts.models import User
from core.hosts import LOOPBACK_HOSTS, OPENAI_HOST

consent_given = Signal()  # of a yes: `person`


def get_provider_host() -> str:
    """Whose server is sent texts to embed, as a person may read it; empty when they stay on this machine.

    Of a class of the operator's own nothing is known.
    """
    if settings.EMBEDDING_PROVIDER != "openai":
        return ""
    found = urlsplit(settings.OPENAI_BASE_URL).hostname or OPENAI_HOST
    return "" if found in LOOPBACK_HOSTS else found


def is_consent_required() -> bool:
    return bool(get_provider_host())


def has_consented(person: User) -> bool:
    return bool(person.embedding_provider == get_provider_host())


def can_send_texts(person: User) -> bool:
    """Whether the provider may be sent this person's private texts, and what they search for."""
    return not is_consent_required() or has_consented(person)


def filter_consenting_users(ids: Collection[UUID]) -> set[UUID]:
    """Those of these people who did."""
    said = User.objects.filter(pk__in=ids, embedding_provider=get_provider_host())
    return set(said.values_list("pk", flat=True))


def assign_consent(person: User, *, yes: bool) -> None:
    """Keep or take back the yes to the present host. The caller saves, and then sends `given` after a yes."""
    person.embedding_provider = get_provider_host() if yes else ""


def get_consent_label() -> str:
    return _("Let %(host)s read my memories, so that they are found by their meaning") % {
        "host": get_provider_host()
    }


def get_consent_help_text() -> str:
    return _(
        "The texts of your memories, private ones included, and what you search for are then sent to %(host)s. "
        "Otherwise only your public memories are, and private ones are found by their words alone."
    ) % {"host": get_provider_host()}
