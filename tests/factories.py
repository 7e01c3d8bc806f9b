"""People and actors for tests. ada owns, bob is a stranger, carol is staff."""

from typing import Any

from accounts.actor import Actor, Door
from accounts.models import User
from memories import scopes, services
from memories.models import Memory

PASSWORD = "correct horse battery"


def make_person(name: str, **fields: Any) -> User:
    """A person whose password is PASSWORD."""
    return User.objects.create_user(f"{name}@example.org", PASSWORD, display_name=name.title(), **fields)


def session(user: User | None) -> Actor:
    """The person at the web pages."""
    return Actor(user=user, door=Door.WEB)


def app(user: User, *held: str, **narrowing: Any) -> Actor:
    """An app on the person's behalf, with these scopes (reading and writing by default)."""
    granted = frozenset(held or (scopes.READ, scopes.WRITE))
    return Actor(user=user, door=Door.API, scopes=granted, client_id="notes", **narrowing)


def remember(user: User, text: str, **fields: Any) -> Memory:
    return services.create_memory(session(user), text=text, **fields)
