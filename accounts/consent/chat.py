"""A person's yes to the chat model's host: one rule for everything that would send it a text of theirs.

Asked for in the profile, and where the first text would go. It names the host: another one is asked for anew.
"""

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actor import Actor, InsufficientScope
from accounts.models import User


def is_consent_required() -> bool:
    """Whether there is a chat model, and texts for it leave this machine."""
    return bool(settings.CHAT.model) and settings.CHAT.is_hosted


def can_send_texts(person: User) -> bool:
    """Whether the chat model may be sent texts of this person's."""
    return not is_consent_required() or has_consented(person)


def has_consented(person: User) -> bool:
    return bool(person.chat_provider == settings.CHAT.host)


@transaction.atomic
def save_consent(actor: Actor, *, yes: bool) -> None:
    """Keep or take back the yes to the present host, by the person's own session only."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    assign_consent(actor.person, yes=yes)
    actor.person.save(update_fields=["chat_provider"])


def assign_consent(person: User, *, yes: bool) -> None:
    """The same, for who saves the person."""
    person.chat_provider = settings.CHAT.host if yes else ""


def get_provider_host() -> str:
    """Who would receive the texts."""
    return str(settings.CHAT.host)


def get_consent_label() -> str:
    return _("Let %(host)s read my texts and word my answers") % {"host": settings.CHAT.host}


def get_consent_help_text() -> str:
    return _(
        "Your questions, the memories found for them, private ones included, and conversations that you have looked "
        "through are then sent to %(host)s. Otherwise answers are the memories themselves, word for word."
    ) % {"host": settings.CHAT.host}
