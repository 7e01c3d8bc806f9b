"""Users and actors for tests. Ada is the owner, Bob another user, Carol staff."""

import re
import time
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import IntegrityError, OperationalError, connection, transaction

from accounts.actor import Actor, Channel
from accounts.deletion import service as deletion
from accounts.models import User
from accounts.sessions.backend import HashedSessionKey, SessionStore
from memories import scopes
from memories.models import AuditSum, Memory
from memories.review import decisions as review_decisions
from memories.review.decisions import ReviewResult
from memories.services import writes
from oauth.models import Application
from tests.citus import cluster

PASSWORD = "correct horse battery"


def make_person(name: str, **fields: Any) -> User:
    """Create a user with the password PASSWORD."""
    return User.objects.create_user(f"{name}@example.org", PASSWORD, display_name=name.title(), **fields)


def confirm_address(person: User, email: str = "") -> None:
    """Mark an address of the user as confirmed; by default, their own."""
    email = email or person.email
    EmailAddress.objects.create(user=person, email=email, verified=True, primary=email == person.email)


def get_emailed_code() -> str:
    """Return the code in the newest e-mail."""
    [code] = re.findall(r"^[A-Z]{4}-[A-Z]{4}$", str(mail.outbox[-1].body), re.MULTILINE)
    return str(code)


def delete_all_users() -> None:
    """Delete all users, apps and sessions while servers run, as account deletion does: without locking whole tables."""
    for retries_left in reversed(range(10)):
        try:
            _delete_users_and_apps()
            break
        except (IntegrityError, OperationalError):  # a request in flight wrote rows of a user in the meantime
            if not retries_left:
                raise
            time.sleep(0.1)
    cache.clear()


def _delete_users_and_apps() -> None:
    with transaction.atomic():
        if not cluster.URL:  # which locks rows of one owner only
            list(Memory.objects.select_for_update().values_list("pk"))  # first, as the indexing worker does
        for person in User.objects.all():
            deletion.delete_account_permanently(person)
        Application.objects.all().delete()
        AuditSum.objects.all().delete()
        Session.objects.all().delete()  # also of anonymous users
        with connection.cursor() as cursor:
            cursor.execute("delete from accounts_rate_limit")


def session(user: User | None) -> Actor:
    """Return an actor for the user's web session; None: an anonymous user."""
    return Actor(user=user, door=Channel.WEB)


def app(user: User, *app_scopes: str, **limits: Any) -> Actor:
    """Return an actor for an app with these scopes of the user; by default, read and write."""
    granted = frozenset(app_scopes or (scopes.READ, scopes.WRITE))
    return Actor(user=user, door=Channel.API, scopes=granted, client_id="notes", **limits)


def remember(user: User, text: str, **fields: Any) -> Memory:
    return writes.create_memory(session(user), text=text, **fields)


def accept_all(user: User) -> ReviewResult:
    """Approve all pending proposals of the user."""
    actor = session(user)
    [newest, *_] = review_decisions.list_pending_proposals(actor).waiting
    return review_decisions.accept_all_proposals(
        actor, until=newest.proposal.pk, count=review_decisions.count_pending_proposals(actor), seen={}
    )


def load_sessions() -> list[dict[str, Any]]:
    """Return the decrypted contents of every stored session."""
    return [
        SessionStore(HashedSessionKey(key)).load()
        for key in Session.objects.values_list("session_key", flat=True)
    ]
