"""The list of a person's sessions names each by its row's digest, never by the key that opens it."""

from typing import Any

from django.db import models

from accounts.sessions import RowKey, row_key


class SessionKeyField(models.CharField):  # type: ignore[type-arg]
    """Stores and looks up a session's key as the digest under which the session itself is stored."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else str(row_key(value))

    def from_db_value(self, value: str | None, *_: Any) -> RowKey | None:
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
    from allauth.usersessions.models import UserSession

    UserSession._meta.get_field("session_key").__class__ = SessionKeyField
