"""The e-mail that a session waits for, so that its page can say what became of it."""

from uuid import UUID

from django.http import HttpRequest

from accounts.mail import outbox
from accounts.mail.outbox import EmailState

SESSION_KEY = "watched_email"


def watch_email(request: HttpRequest, email_id: UUID | None) -> None:
    """Let the session's pages tell the state of this e-mail. None: it is not queued."""
    if email_id is None:
        request.session.pop(SESSION_KEY, None)
    else:
        request.session[SESSION_KEY] = str(email_id)


def get_state(request: HttpRequest) -> EmailState | None:
    """Return the state of the e-mail, None if the session waits for none."""
    email_id = request.session.get(SESSION_KEY)
    return None if email_id is None else outbox.get_email_state(UUID(email_id))
