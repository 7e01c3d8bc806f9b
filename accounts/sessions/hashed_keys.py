"""django-allauth's list of a user's sessions, storing digests instead of session keys."""

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

# A session is listed before its row is written at the end of the request.
LISTING_GRACE = timedelta(hours=1)


class SessionKeyField(models.CharField):  # type: ignore[type-arg]
    """Stores and looks up a session key as the digest under which the session is stored."""

    def get_prep_value(self, value: str | None) -> str | None:
        return None if value is None else str(hash_session_key(value))

    def from_db_value(self, value: str | None, *_: object) -> HashedSessionKey | None:
        return None if value is None else HashedSessionKey(value)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        # As Django's field, so that django-allauth needs no new migration.
        return name, "django.db.models.CharField", args, kwargs


def install_session_key_field() -> None:
    """Replace the field of django-allauth's model, which has no setting for that."""
    _get_user_session_model()._meta.get_field("session_key").__class__ = SessionKeyField


def list_user_sessions(person: User) -> "QuerySet[UserSession]":
    """Return the user's listed sessions. Sessions that began before this list existed are missing."""
    sessions: QuerySet[UserSession] = _get_user_session_model().objects.filter(user_id=person.pk)
    return sessions


def purge_expired_sessions() -> int:
    """Delete expired sessions and their entries in the list; return the number of rows."""
    expired = Session.objects.filter(expire_date__lt=Now()).delete()[0]
    session = Session.objects.filter(session_key=OuterRef("session_key"))
    orphaned = _get_user_session_model().objects.filter(
        ~Exists(session), created_at__lt=Now() - LISTING_GRACE
    )
    return int(expired + orphaned.delete()[0])


def _get_user_session_model() -> "type[UserSession]":
    from allauth.usersessions.models import UserSession  # imported late: apps must be loaded

    return UserSession  # type: ignore[no-any-return]
