"""Mail where no mail server is set: each letter a file that only this server's account can read."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends.filebased import EmailBackend

MAX_LINK_DAYS = 3  # that a link works, but for the one that brings an account back


def purge_expired_emails() -> int:
    """Delete the letters whose links work no more; returns how many."""
    before = time.time() - max(MAX_LINK_DAYS, settings.DELETION_DAYS) * 24 * 3600
    folder = settings.PICARD_HOME / "mail"
    old = [letter for letter in folder.glob("*.log") if letter.stat().st_mtime < before]
    for letter in old:
        letter.unlink(missing_ok=True)
    return len(old)


class PrivateFileBackend(EmailBackend):
    """Django's file backend in a folder of mode 0700: the letters hold links that open an account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        super().__init__(*args, **kwargs)
