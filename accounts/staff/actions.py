"""The record of what staff did in the admin site to whom. Its entries outlive both; a trigger refuses changes."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from accounts.models import StaffAction, User

PERSON_COLUMNS = ("owner_id", "user_id", "used_by_id")  # of rows that belong to a user


def record_staff_action(
    staff: User, action: str, objects: Iterable[Model], *, fields: Iterable[str] = ()
) -> None:
    """Record what a member of staff did with these objects of one model: one entry for each user they belong to."""
    by_person: dict[UUID | None, list[Model]] = {}
    for each in objects:
        by_person.setdefault(_get_person_id(each), []).append(each)
    StaffAction.objects.bulk_create(
        StaffAction(
            staff_id=staff.pk,
            person_id=person_id,
            action=action,
            kind=found[0]._meta.label_lower,
            object_ids=[str(each.pk) for each in found],
            fields=list(fields),
        )
        for person_id, found in by_person.items()
    )


def list_staff_actions(person: User) -> QuerySet[StaffAction]:
    """Return what staff did to the user, newest first."""
    return StaffAction.objects.filter(person_id=person.pk).order_by("-pk")


def export_staff_actions(person: User) -> list[Mapping[str, Any]]:
    """Return what staff did to the user for their full export, without who it was."""
    return list(list_staff_actions(person).values("action", "kind", "object_ids", "fields", "happened_at"))


def purge_staff_actions() -> int:
    old = StaffAction.objects.filter(happened_at__lt=Now() - timedelta(days=settings.AUDIT_DAYS))
    return old.delete()[0]


def _get_person_id(row: Model) -> UUID | None:
    if isinstance(row, User):
        return row.pk
    return next((getattr(row, name) for name in PERSON_COLUMNS if hasattr(row, name)), None)
