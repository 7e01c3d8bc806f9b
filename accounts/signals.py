"""A person's data key is made with the person, in the same transaction, and forgotten with them."""

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.keys import forget_cached, make_person_keys
from accounts.models import User


@receiver(post_save, sender=User)
def make_data_key(instance: User, created: bool, **_: object) -> None:
    if created:
        make_person_keys([instance.pk])


@receiver(post_delete, sender=User)
def forget_data_key(instance: User, **_: object) -> None:
    forget_cached(instance.pk)
