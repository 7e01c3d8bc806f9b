"""Reads a stored session together with its user, in one statement: every page of a logged-in user needs both."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS

from accounts.models import User
from core.db.prepared import fetch_prepared

# The content of a session, which says whose it is, is encrypted. So the user is found by the list of sessions; a
# session that is not listed comes without. Whoever asks for a user compares them with the content.
SQL = """
select session.session_key, session.session_data, session.expire_date, {columns} from django_session session
left join usersessions_usersession listed on listed.session_key = session.session_key
left join accounts_user person on person.id = listed.user_id
where session.session_key = %(digest)s and session.expire_date > %(now)s
"""

_listed: ContextVar[User | None] = ContextVar("listed_user", default=None)


def load_session(digest: str, now: datetime) -> tuple[Session, User | None] | None:
    """Return a session that has not expired, by the digest of its key, and the user in whose list it is."""
    rows = fetch_prepared(_build_sql(), {"digest": digest, "now": now})
    if not rows:
        return None
    [(key, data, expires, *values)] = rows
    names = _list_columns()
    person = None if values[names.index("id")] is None else User.from_db(DEFAULT_DB_ALIAS, names, values)
    return Session(session_key=key, session_data=data, expire_date=expires), person


@contextmanager
def offering_user(person: User | None) -> Iterator[None]:
    """Let the log-in backend take this user in the block, instead of reading them again."""
    token = _listed.set(person)
    try:
        yield
    finally:
        _listed.reset(token)


def take_offered_user(user_id: UUID) -> User | None:
    """Return the offered user if it is this one."""
    person = _listed.get()
    return person if person is not None and person.pk == user_id else None


@cache
def _list_columns() -> list[str]:
    return [field.attname for field in User._meta.concrete_fields]


@cache
def _build_sql() -> str:
    return SQL.format(columns=", ".join(f"person.{name}" for name in _list_columns()))
