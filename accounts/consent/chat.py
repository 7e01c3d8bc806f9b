"""The user's consent to send their texts to a remote chat model. Every feature that sends text checks it.

The user gives it in the profile, or where text would first be sent. It names the host: a new host needs new consent.
"""

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actor import Actor, InsufficientScope
from accounts.models import User


def is_consent_required() -> bool:
    """Return whether a chat model is configured and remote."""
    return bool(settings.CHAT.model) and settings.CHAT.is_hosted


def can_send_texts(person: User) -> bool:
    """Return whether this user's texts may be sent to the chat model."""
    return not is_consent_required() or has_consented(person)


def has_consented(person: User) -> bool:
    return bool(person.chat_provider == settings.CHAT.host)


@transaction.atomic
def save_consent(actor: Actor, *, yes: bool) -> None:
    """Save or withdraw the consent to the current host. Raises InsufficientScope for an app."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    assign_consent(actor.person, yes=yes)
    actor.person.save(update_fields=["chat_provider"])


def assign_consent(person: User, *, yes: bool) -> None:
    """Set or clear the consent to the current host without saving the user."""
    person.chat_provider = settings.CHAT.host if yes else ""


def get_provider_host() -> str:
    """Return the host that would receive the texts."""
    return str(settings.CHAT.host)


def get_consent_label() -> str:
    return _("Allow %(host)s to generate answers from my memories") % {"host": settings.CHAT.host}


def get_consent_help_text() -> str:
    return _(
        "Your questions, the matching memories (including private ones) and conversations you extract memories from "
        "are sent to %(host)s. Otherwise, answers are quoted from your memories."
    ) % {"host": settings.CHAT.host}
