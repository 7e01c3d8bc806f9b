"""Creates a user's data key with the user, acts for whom a request logs in or out, and bounds sessions."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.keys import clear_key_cache, create_person_keys
from accounts.models import User
from accounts.sessions import revocation
from core.db.principal import act_for, acting_for


@receiver(post_save, sender=User)
def create_data_key(instance: User, created: bool, **_: object) -> None:
    if created:
        with acting_for(instance.pk):
            create_person_keys([instance.pk])


@receiver(user_logged_in)
def act_for_new_session(user: User, **_: object) -> None:
    """Act for the person in the rest of the request that logs in; middleware does so in the next ones."""
    act_for(user.pk)


@receiver(user_logged_out)
def act_for_nobody(**_: object) -> None:
    act_for(None)


@receiver(post_delete, sender=User)
def clear_cached_data_key(instance: User, **_: object) -> None:
    clear_key_cache(instance.pk)


@receiver(post_save, sender="usersessions.UserSession")
def end_oldest_sessions(instance: Any, created: bool, **_: object) -> None:
    if created:
        revocation.end_oldest_sessions(instance.user)
