"""What happens to a person's tokens when they change how they log in."""

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from django.db import transaction
from django.dispatch import receiver

from accounts.models import User
from oauth import grants, tokens


@receiver([password_changed, password_set])
def end_tokens(user: User, **_: Any) -> None:
    """Whoever knew the old password may hold tokens: every app asks again. What each may do stays as it was chosen."""
    with transaction.atomic():
        tokens.revoke_all(user)


@receiver(password_reset)
def disconnect_apps(user: User, **_: Any) -> None:
    """Somebody else may have been in: nothing that was allowed meanwhile is believed."""
    grants.revoke_every(user)
