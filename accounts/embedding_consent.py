"""A person's yes to a hosted embedding provider: without it their private texts and searches do not leave this machine.

Asked for in the profile. It names the host: another one is asked for anew.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.dispatch import Signal
from django.utils.translation import gettext as _

from accounts.hosts import LOOPBACK_HOSTS, OPENAI_HOST
from accounts.models import User

given = Signal()  # of a yes: `person`


def host() -> str:
    """Whose server is sent texts to embed, as a person may read it; empty when they stay on this machine.

    Of a class of the operator's own nothing is known.
    """
    if settings.EMBEDDING_PROVIDER != "openai":
        return ""
    found = urlsplit(settings.OPENAI_BASE_URL).hostname or OPENAI_HOST
    return "" if found in LOOPBACK_HOSTS else found


def has_said_yes(person: User) -> bool:
    return bool(person.embedding_provider == host())


def may_read(person: User) -> bool:
    """Whether the provider may be sent this person's private texts, and what they search for."""
    return not host() or has_said_yes(person)


def record(person: User, *, yes: bool) -> None:
    """Keep or take back the yes to the present host. The caller saves, and then sends `given` where it is new."""
    person.embedding_provider = host() if yes else ""


def question() -> str:
    return _("Let %(host)s read my memories, so that they are found by their meaning") % {"host": host()}


def explanation() -> str:
    return _(
        "The texts of your memories, private ones included, and what you search for are then sent to %(host)s. "
        "Otherwise only your public memories are, and private ones are found by their words alone."
    ) % {"host": host()}
