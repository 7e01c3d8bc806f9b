"""What a log-in goes through after password and second factor."""

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect


class RestoreStage(LoginStage):  # type: ignore[misc]
    """Whose account is closed is asked whether to bring it back, and is let in only then."""

    key = "restore"
    urlname = "accounts:restore"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        is_closed = self.login.user is not None and self.login.user.delete_at is not None
        return (redirect(self.urlname) if is_closed else None), True
