"""Deletion of accounts: closed immediately at the user's request, deleted permanently after a grace period.

A closed account cannot log in, its persona does not answer, and its handle stays reserved. Deleting a user deletes
their wrapped data key and all their other rows.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models.functions import Now
from django.dispatch import Signal
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from accounts import keys
from accounts.actor import Actor, InsufficientScope
from accounts.mail import emails
from accounts.models import User
from accounts.sessions.revocation import end_sessions
from core.db.time_limits import long_transaction

logger = logging.getLogger(__name__)

account_closed, account_restored = Signal(), Signal()  # arguments: person, by; sent within the transaction
SALT = "accounts.deletion"
BATCH = 20  # users per housekeeping run


class AccountNotClosed(Exception):
    """The account cannot be restored: it is open, or deleted permanently."""


@transaction.atomic
def close_account(actor: Actor) -> User:
    """Close the user's account; it is deleted permanently after DELETION_DAYS.

    End all sessions and tokens, and send an e-mail with a link to restore it. Raises InsufficientScope for an app.
    """
    if actor.is_app:
        raise InsufficientScope("sign-in")
    person = User.objects.select_for_update().get(pk=actor.person.pk)
    until = Now() + timedelta(days=settings.DELETION_DAYS)
    User.objects.filter(pk=person.pk).update(is_active=False, delete_at=until)
    end_sessions(person)
    account_closed.send(User, person=person, by=actor)
    person.refresh_from_db()
    emails.send_email_on_commit(
        person,
        _("Your account is closed"),
        "account_closed",
        {"delete_at": person.delete_at, "address": build_restore_url(person)},
    )
    return person


@transaction.atomic
def restore_account(person_id: UUID, *, by: Actor) -> User:
    """Restore a closed account. Its sessions and tokens stay revoked. Raises AccountNotClosed."""
    person = User.objects.select_for_update().filter(pk=person_id, delete_at__isnull=False).first()
    if person is None:
        raise AccountNotClosed
    person.is_active, person.delete_at = True, None
    person.save(update_fields=["is_active", "delete_at"])
    account_restored.send(User, person=person, by=by)
    address = f"{settings.PUBLIC_URL}{reverse('account_login')}"
    emails.send_email_on_commit(
        person, _("Your account was restored"), "account_restored", {"address": address}
    )
    return person


def build_restore_url(person: User) -> str:
    """Return the URL that restores this closed account once, until it is deleted."""
    assert person.delete_at is not None  # noqa: S101  (set on closed accounts)
    token = signing.dumps([str(person.pk), person.delete_at.isoformat()], salt=SALT)
    return f"{settings.PUBLIC_URL}{reverse('accounts:come_back', args=[token])}"


def get_user_by_restore_token(token: str) -> User:
    """Return the user whose account the token restores. Raises AccountNotClosed."""
    try:
        person_id, delete_at = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise AccountNotClosed from None
    person = User.objects.filter(pk=person_id, delete_at=parse_datetime(delete_at)).first()
    if person is None:
        raise AccountNotClosed
    return person


def delete_due_accounts() -> int:
    """Delete accounts whose grace period is over; return their number."""
    due = User.objects.filter(delete_at__lt=Now()).order_by("delete_at")
    people = list(due.select_for_update(skip_locked=True)[:BATCH])
    for person in people:
        delete_account_permanently(person)
    return len(people)


@long_transaction()
def delete_account_permanently(person: User) -> None:
    """Delete the user, their wrapped key and all their rows."""
    person_id = person.pk
    end_sessions(person)
    keys.delete_person_key(person_id)
    person.delete()
    # An operator who restores an older backup reads here which accounts to delete again.
    logger.info("the account %s was deleted", person_id)
