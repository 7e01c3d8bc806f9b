"""How an account ends: closed at once when its person says so, and deleted for ever when the time to come back is over.

Between the two nobody is let in, the persona is silent, and the handle stays taken. Deleting a person deletes their
wrapped data key with all other rows of theirs.
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
from django.utils.translation import gettext as _

from accounts import keys, mail
from accounts.actor import Actor, InsufficientScope
from accounts.models import User
from accounts.sessions.revocation import end_sessions

logger = logging.getLogger(__name__)

account_closed, account_restored = Signal(), Signal()  # by: within the transaction of each
SALT = "accounts.deletion"
BATCH = 20  # people in one round of housekeeping


class AccountNotClosed(Exception):
    """There is nothing to bring back: the account is open again, or gone."""


@transaction.atomic
def close_account(actor: Actor) -> User:
    """Close the person's account; after DELETION_DAYS it is deleted. By their own session only.

    All sessions and tokens end. A letter tells them the way back. Raises InsufficientScope.
    """
    if actor.is_app:
        raise InsufficientScope("sign-in")
    person = User.objects.select_for_update().get(pk=actor.person.pk)
    until = Now() + timedelta(days=settings.DELETION_DAYS)
    User.objects.filter(pk=person.pk).update(is_active=False, delete_at=until)
    end_sessions(person)
    account_closed.send(User, by=actor)
    person.refresh_from_db()
    mail.send_email_on_commit(
        person,
        _("Your account will be deleted"),
        "account_closed",
        {"delete_at": person.delete_at, "address": build_restore_url(person)},
    )
    return person


@transaction.atomic
def restore_account(person_id: UUID, *, by: Actor) -> User:
    """Open a closed account again. Sessions and tokens that were ended stay so. Raises NotClosed."""
    person = User.objects.select_for_update().filter(pk=person_id, delete_at__isnull=False).first()
    if person is None:
        raise AccountNotClosed
    person.is_active, person.delete_at = True, None
    person.save(update_fields=["is_active", "delete_at"])
    account_restored.send(User, by=by)
    address = f"{settings.PUBLIC_URL}{reverse('account_login')}"
    mail.send_email_on_commit(person, _("Your account is back"), "account_restored", {"address": address})
    return person


def build_restore_url(person: User) -> str:
    """The address that brings this closed account back; it works until then, and once."""
    assert person.delete_at is not None  # noqa: S101  (of a closed account)
    token = signing.dumps([str(person.pk), person.delete_at.isoformat()], salt=SALT)
    return f"{settings.PUBLIC_URL}{reverse('accounts:come_back', args=[token])}"


def get_user_by_restore_token(token: str) -> User:
    """Whose account the link's token brings back. Raises NotClosed."""
    try:
        person_id, delete_at = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise AccountNotClosed from None
    person = User.objects.filter(pk=person_id, delete_at=parse_datetime(delete_at)).first()
    if person is None:
        raise AccountNotClosed
    return person


def delete_due_accounts() -> int:
    """Delete whose time to come back is over; returns how many people."""
    due = User.objects.filter(delete_at__lt=Now()).order_by("delete_at")
    people = list(due.select_for_update(skip_locked=True)[:BATCH])
    for person in people:
        delete_account_permanently(person)
    return len(people)


@transaction.atomic
def delete_account_permanently(person: User) -> None:
    """Delete the person's wrapped key and every row of theirs. Nothing brings them back."""
    person_id = person.pk
    end_sessions(person)
    keys.delete_person_key(person_id)
    person.delete()
    # By this line an operator who puts an older backup back finds whom to delete again.
    logger.info("the account %s was deleted", person_id)
