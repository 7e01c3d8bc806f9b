"""A log-in step after password and two-factor authentication."""

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect


class RestoreStage(LoginStage):  # type: ignore[misc]
    """Offer the user of a closed account to restore it, and log them in only then."""

    key = "restore"
    urlname = "accounts:restore"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        is_closed = self.login.user is not None and self.login.user.delete_at is not None
        return (redirect(self.urlname) if is_closed else None), True
