"""E-mail without a mail server: each e-mail is a file that only the server's account can read."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends.filebased import EmailBackend

MAX_LINK_DAYS = 3  # lifetime of links in e-mails, except those that restore an account


def purge_expired_emails() -> int:
    """Delete e-mails whose links have expired; return their number."""
    expired_at = time.time() - max(MAX_LINK_DAYS, settings.DELETION_DAYS) * 24 * 3600
    folder = settings.PICARD_HOME / "mail"
    expired = [email for email in folder.glob("*.log") if email.stat().st_mtime < expired_at]
    for email in expired:
        email.unlink(missing_ok=True)
    return len(expired)


class PrivateFileBackend(EmailBackend):
    """Django's file backend in a folder with mode 0700, because e-mails contain links that grant access."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        super().__init__(*args, **kwargs)
