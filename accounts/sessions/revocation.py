"""Ends sessions of a user (one, all, or all but the current one) and disconnects their apps."""

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

MAX_SESSIONS = 100  # of a user; nobody uses so many, but a program that logs in again and again starts them

# Argument of both: user; sent within the transaction. The second: all sessions, except perhaps the current one.
apps_disconnected, sessions_ended = Signal(), Signal()


@transaction.atomic
def end_sessions(person: User, *, keep: SessionBase | None = None) -> None:
    """End every session of the user, including unlisted ones, except `keep`."""
    User.objects.filter(pk=person.pk).update(sessions_era=F("sessions_era") + 1)
    person.refresh_from_db(fields=["sessions_era"])
    listed = list_user_sessions(person)
    if keep is not None:
        keep[HASH_SESSION_KEY] = person.get_session_auth_hash()
        listed = listed.exclude(session_key=keep.session_key)
    _delete_sessions(listed)
    sessions_ended.send(User, user=person)


@transaction.atomic
def end_session(person: User, line: int) -> None:
    """End the session with this id in the user's list. Ignore ids of other users."""
    _delete_sessions(list_user_sessions(person).filter(pk=line))


@transaction.atomic
def end_oldest_sessions(person: User) -> None:
    """End the user's oldest sessions beyond MAX_SESSIONS."""
    excess = (
        list_user_sessions(person).order_by("-created_at", "-pk").values_list("pk", flat=True)[MAX_SESSIONS:]
    )
    if ids := list(excess):
        _delete_sessions(list_user_sessions(person).filter(pk__in=ids))


@transaction.atomic
def disconnect_apps(person: User) -> None:
    """Revoke the access of all apps of the user."""
    apps_disconnected.send(User, user=person)


def _delete_sessions(listed: "QuerySet[UserSession]") -> None:
    keys = [str(row.session_key) for row in listed]
    Session.objects.filter(session_key__in=keys).delete()
    listed.delete()
