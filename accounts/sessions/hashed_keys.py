"""The list of a person's sessions names each by its row's digest, never by the key that opens it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from accounts.models import User
from accounts.sessions.backend import HashedSessionKey, hash_session_key

if TYPE_CHECKING:
    from allauth.usersessions.models import UserSession

# A log-in is listed before its session's row is written, at the end of the request.
LISTING_GRACE = timedelta(hours=1)


class SessionKeyField(models.CharField):  # type: ignore[type-arg]
    """Stores and looks up a session's key as the digest under which the session itself is stored."""

    def get_prep_value(self, value: str | None) -> str | None:
        return None if value is None else str(hash_session_key(value))

    def from_db_value(self, value: str | None, *_: object) -> HashedSessionKey | None:
        return None if value is None else HashedSessionKey(value)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return (
            name,
            "django.db.models.CharField",
            args,
            kwargs,
        )  # django-allauth's migrations stay as they are


def install_session_key_field() -> None:
    """Give django-allauth's model this field: it has no setting for that."""
    _get_user_session_model()._meta.get_field("session_key").__class__ = SessionKeyField


def list_user_sessions(person: User) -> "QuerySet[UserSession]":
    """The person's sessions as the list has them; one that began before there was a list is not in it."""
    found: QuerySet[UserSession] = _get_user_session_model().objects.filter(user_id=person.pk)
    return found


def purge_expired_sessions() -> int:
    """Delete sessions that have ended, and their lines in the list; returns how many rows."""
    ended = Session.objects.filter(expire_date__lt=Now()).delete()[0]
    still_there = Session.objects.filter(session_key=OuterRef("session_key"))
    gone = _get_user_session_model().objects.filter(
        ~Exists(still_there), created_at__lt=Now() - LISTING_GRACE
    )
    return int(ended + gone.delete()[0])


def _get_user_session_model() -> "type[UserSession]":
    from allauth.usersessions.models import UserSession  # when all apps are there

    return UserSession  # type: ignore[no-any-return]
