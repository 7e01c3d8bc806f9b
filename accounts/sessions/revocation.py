"""Ending log-ins: every session of a person at once, or all but the one that asks; and the apps that they connected."""

from typing import TYPE_CHECKING

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, QuerySet
from django.dispatch import Signal

from accounts.models import User
from accounts.sessions.hashed_keys import list_user_sessions

if TYPE_CHECKING:
    from allauth.usersessions.models import UserSession

apps_disconnected = Signal()  # user: within the transaction in which they disconnect all of them


@transaction.atomic
def end_sessions(person: User, *, keep: SessionBase | None = None) -> None:
    """End every session of the person, also those that no list names; `keep` goes on."""
    User.objects.filter(pk=person.pk).update(sessions_era=F("sessions_era") + 1)
    person.refresh_from_db(fields=["sessions_era"])
    listed = list_user_sessions(person)
    if keep is not None:
        keep[HASH_SESSION_KEY] = person.get_session_auth_hash()
        listed = listed.exclude(session_key=keep.session_key)
    _delete_sessions(listed)


@transaction.atomic
def end_session(person: User, line: int) -> None:
    """End the session that this line of the person's list stands for; another person's is not there."""
    _delete_sessions(list_user_sessions(person).filter(pk=line))


@transaction.atomic
def disconnect_apps(person: User) -> None:
    """Take back what the person allowed any app."""
    apps_disconnected.send(User, user=person)


def _delete_sessions(listed: "QuerySet[UserSession]") -> None:
    keys = [str(row.session_key) for row in listed]
    Session.objects.filter(session_key__in=keys).delete()
    listed.delete()
