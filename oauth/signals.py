"""What happens to a person's tokens when they change how they log in, log out everywhere, or close their account."""

from allauth.account.signals import password_changed, password_reset, password_set
from django.db import transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from accounts.actor import Actor
from accounts.deletion import service as deletion
from accounts.models import User
from accounts.sessions import revocation
from oauth.access import grants
from oauth.models import Application
from oauth.tokens import families


@receiver([password_changed, password_set])
def revoke_tokens_on_password_change(user: User, **_: object) -> None:
    """Whoever knew the old password may hold tokens: every app asks again. What each may do stays as it was chosen."""
    with transaction.atomic():
        families.revoke_all_tokens(user)


@receiver(deletion.account_closed)
def revoke_tokens_on_account_closure(by: Actor, **_: object) -> None:
    """What each app may do stays as it was chosen, should the person come back."""
    families.revoke_all_tokens(by.person)


@receiver([password_reset, revocation.apps_disconnected])
def disconnect_apps(user: User, **_: object) -> None:
    """Somebody else may have been in: nothing that was allowed meanwhile is believed."""
    grants.revoke_all_grants(user)


@receiver(pre_delete, sender=Application)
def disconnect_users_on_app_deletion(instance: Application, origin: object = None, **_: object) -> None:
    """However it comes to be deleted: by its developer, by staff, by itself, or with its developer."""
    grants.record_app_deletion(instance, is_alone=getattr(origin, "model", type(origin)) is Application)
