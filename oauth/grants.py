"""What a person lets an app do: allowed at consent, narrowed, paused, ended, taken back. Each act one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor, Door
from accounts.models import User
from oauth import tokens
from oauth.models import AppGrant, Application


@dataclass(frozen=True)
class Narrowing:
    """What was chosen. only_tags: ids of tags, None for all memories; ends_at: None for no end."""

    scopes: frozenset[str]
    only_tags: frozenset[UUID] | None = None
    ends_at: datetime | None = None


@transaction.atomic
def allow(user: User, application: Application, chosen: Narrowing) -> bool:
    """Let the app do this, instead of what it was allowed before; says whether it is newly connected."""
    _grant, is_new = AppGrant.objects.update_or_create(
        user=user,
        application=application,
        defaults={**_columns(chosen), "paused_at": None, "consented_at": timezone.now()},
    )
    return is_new


@transaction.atomic
def narrow(grant: AppGrant, chosen: Narrowing) -> None:
    """Change what the app may do; never to more scopes than it was given, for that the app must ask."""
    within = Narrowing(chosen.scopes & frozenset(grant.scopes), chosen.only_tags, chosen.ends_at)
    _save(grant, **_columns(within))


@transaction.atomic
def pause(grant: AppGrant) -> None:
    """Refuse its tokens from now on, and keep all else as it is."""
    _save(grant, paused_at=timezone.now())


@transaction.atomic
def resume(grant: AppGrant) -> None:
    _save(grant, paused_at=None)


@transaction.atomic
def revoke(grant: AppGrant) -> None:
    """Disconnect the app: from this moment no token of it is worth anything."""
    # First the grant: a refresh that is under way holds its lock, and its tokens are seen below.
    AppGrant.objects.filter(pk=grant.pk).delete()
    tokens.revoke_all(grant.user, grant.application)


@transaction.atomic
def revoke_every(user: User) -> None:
    """Disconnect all apps of a person."""
    AppGrant.objects.filter(user=user).delete()
    tokens.revoke_all(user)


def of_person(user: User) -> Iterable[AppGrant]:
    """The connected apps, the newest first."""
    return AppGrant.objects.filter(user=user).select_related("application").order_by("-consented_at")


def actor_of(user: User, application: Application, chosen: Narrowing) -> Actor:
    """The app as it would be with this narrowing: to count what it would see."""
    return Actor(
        user=user,
        door=Door.API,
        scopes=chosen.scopes,
        client_id=application.client_id,
        only_tags=chosen.only_tags,
        until=chosen.ends_at,
    )


def _columns(chosen: Narrowing) -> dict[str, object]:
    return {
        "scopes": sorted(chosen.scopes),
        "only_tags": None if chosen.only_tags is None else sorted(chosen.only_tags),
        "ends_at": chosen.ends_at,
    }


def _save(grant: AppGrant, **values: object) -> None:
    for name, value in values.items():
        setattr(grant, name, value)
    grant.save(update_fields=list(values))
