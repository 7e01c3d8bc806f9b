"""The list of a person's sessions names each by its row's digest, never by the key that opens it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from accounts.models import User
from accounts.sessions.backend import RowKey, row_key

if TYPE_CHECKING:
    from allauth.usersessions.models import UserSession

# A log-in is listed before its session's row is written, at the end of the request.
LISTED_FIRST = timedelta(hours=1)


class SessionKeyField(models.CharField):  # type: ignore[type-arg]
    """Stores and looks up a session's key as the digest under which the session itself is stored."""

    def get_prep_value(self, value: str | None) -> str | None:
        return None if value is None else str(row_key(value))

    def from_db_value(self, value: str | None, *_: object) -> RowKey | None:
        return None if value is None else RowKey(value)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return (
            name,
            "django.db.models.CharField",
            args,
            kwargs,
        )  # django-allauth's migrations stay as they are


def seal_listed_sessions() -> None:
    """Give django-allauth's model this field: it has no setting for that."""
    _listed()._meta.get_field("session_key").__class__ = SessionKeyField


def listed_of(person: User) -> "QuerySet[UserSession]":
    """The person's sessions as the list has them; one that began before there was a list is not in it."""
    found: QuerySet[UserSession] = _listed().objects.filter(user_id=person.pk)
    return found


def purge() -> int:
    """Delete sessions that have ended, and their lines in the list; returns how many rows."""
    ended = Session.objects.filter(expire_date__lt=Now()).delete()[0]
    still_there = Session.objects.filter(session_key=OuterRef("session_key"))
    gone = _listed().objects.filter(~Exists(still_there), created_at__lt=Now() - LISTED_FIRST)
    return int(ended + gone.delete()[0])


def _listed() -> "type[UserSession]":
    from allauth.usersessions.models import UserSession  # when all apps are there

    return UserSession  # type: ignore[no-any-return]
