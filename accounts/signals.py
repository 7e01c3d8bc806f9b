"""Creates a user's data key in the transaction that creates the user, clears its cache, and bounds sessions."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.keys import clear_key_cache, create_person_keys
from accounts.models import User
from accounts.sessions import revocation


@receiver(post_save, sender=User)
def create_data_key(instance: User, created: bool, **_: object) -> None:
    if created:
        create_person_keys([instance.pk])


@receiver(post_delete, sender=User)
def clear_cached_data_key(instance: User, **_: object) -> None:
    clear_key_cache(instance.pk)


@receiver(post_save, sender="usersessions.UserSession")
def end_oldest_sessions(instance: Any, created: bool, **_: object) -> None:
    if created:
        revocation.end_oldest_sessions(instance.user)
