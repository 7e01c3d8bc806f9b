"""People and actors for tests. ada owns, bob is a stranger, carol is staff."""

import time
from typing import Any

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import IntegrityError, OperationalError, connection, transaction

from accounts.actor import Actor, Channel
from accounts.deletion import service as deletion
from accounts.models import User
from accounts.sessions.backend import HashedSessionKey, SessionStore
from memories import scopes
from memories.models import Memory
from memories.review import decisions as review_decisions
from memories.review.decisions import ReviewResult
from memories.services import writes
from oauth.models import Application

PASSWORD = "correct horse battery"


def make_person(name: str, **fields: Any) -> User:
    """A person whose password is PASSWORD."""
    return User.objects.create_user(f"{name}@example.org", PASSWORD, display_name=name.title(), **fields)


def forget_everybody() -> None:
    """Delete all people and apps while servers go on: as accounts are deleted, so by nothing that waits for tables."""
    for patience in reversed(range(10)):
        try:
            _forget()
            break
        except (
            IntegrityError,
            OperationalError,
        ):  # a request that was still under way wrote of them meanwhile
            if not patience:
                raise
            time.sleep(0.1)
    cache.clear()


def _forget() -> None:
    with transaction.atomic():
        list(Memory.objects.select_for_update().values_list("pk"))  # first, as the indexing worker does
        for person in User.objects.all():
            deletion.delete_account_permanently(person)
        Application.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("delete from accounts_rate_limit")


def session(user: User | None) -> Actor:
    """The person at the web pages."""
    return Actor(user=user, door=Channel.WEB)


def app(user: User, *held: str, **narrowing: Any) -> Actor:
    """An app on the person's behalf, with these scopes (reading and writing by default)."""
    granted = frozenset(held or (scopes.READ, scopes.WRITE))
    return Actor(user=user, door=Channel.API, scopes=granted, client_id="notes", **narrowing)


def remember(user: User, text: str, **fields: Any) -> Memory:
    return writes.create_memory(session(user), text=text, **fields)


def accept_all(user: User) -> ReviewResult:
    """A yes to all that waits now."""
    actor = session(user)
    [newest, *_] = review_decisions.list_pending_proposals(actor).waiting
    return review_decisions.accept_all_proposals(
        actor, until=newest.proposal.pk, count=review_decisions.count_pending_proposals(actor), seen={}
    )


def held_by_sessions() -> list[dict[str, Any]]:
    """What every stored session holds, opened."""
    return [
        SessionStore(HashedSessionKey(key)).load()
        for key in Session.objects.values_list("session_key", flat=True)
    ]
