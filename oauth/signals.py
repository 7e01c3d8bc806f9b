"""Revokes tokens when a user changes their password, ends all sessions or closes their account."""

from allauth.account.signals import password_changed, password_reset, password_set
from django.db import transaction
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from accounts.actor import Actor
from accounts.deletion import service as deletion
from accounts.models import User
from accounts.sessions import revocation
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.registration import dynamic as dynamic_registration
from oauth.tokens import families


@receiver([password_changed, password_set])
def revoke_tokens_on_password_change(user: User, **_: object) -> None:
    """Revoke all tokens, because others who know the old password may have some. Grants stay."""
    with transaction.atomic():
        families.revoke_all_tokens(user)


@receiver(deletion.account_closed)
def revoke_tokens_on_account_closure(by: Actor, **_: object) -> None:
    """Revoke all tokens. Grants stay, in case the account is restored."""
    families.revoke_all_tokens(by.person)


@receiver([password_reset, revocation.apps_disconnected])
def disconnect_apps(user: User, **_: object) -> None:
    """Revoke all grants, because somebody else may have used the account and connected apps."""
    grants.revoke_all_grants(user)


@receiver(pre_delete, sender=User)
def record_user_deletion(instance: User, **_: object) -> None:
    """Count the week of unused apps from the deletion of their last user."""
    grants.record_user_deletion(instance)


@receiver(pre_delete, sender=Application)
def disconnect_users_on_app_deletion(instance: Application, origin: object = None, **_: object) -> None:
    """Record disconnections whoever deletes the app: its developer, staff, the app itself, or with its developer."""
    grants.record_app_deletion(instance, is_alone=getattr(origin, "model", type(origin)) is Application)


@receiver(post_save, sender=AppGrant)
def record_connection(instance: AppGrant, created: bool, **_: object) -> None:
    if created:
        dynamic_registration.record_connection(instance.application, instance.user)
