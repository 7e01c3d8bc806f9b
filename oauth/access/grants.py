"""What a person lets an app do: allowed at consent, narrowed, paused, ended, taken back. Each act one transaction.

`by` is who acts and through which door; the person themself at the pages where nothing is said.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actor import Actor, Channel, InsufficientScope
from accounts.models import User
from oauth.models import AppGrant, Application
from oauth.tokens import families

grant_changed = Signal()  # grant, change, by: within the transaction of each change


class GrantEvent(StrEnum):
    """What happens to a grant."""

    CONNECT = "connect"
    NARROW = "narrow"
    PAUSE = "pause"
    RESUME = "resume"
    DISCONNECT = "disconnect"


class AppNotFound(Exception):
    """The person has no such connected app."""


class SessionEnded(Exception):
    """The person's log-ins were ended, or their account, while they were asked."""


@dataclass(frozen=True)
class GrantOptions:
    """What was chosen. only_tags: ids of tags, None for all memories; ends_at: None for no end.

    asks_first: what the app adds or changes waits for the person's yes.
    """

    scopes: frozenset[str]
    only_tags: frozenset[UUID] | None = None
    ends_at: datetime | None = None
    asks_first: bool = False


@transaction.atomic
def grant_access(
    user: User, application: Application, chosen: GrantOptions, *, by: Actor | None = None
) -> bool:
    """Let the app do this, instead of what it was allowed before; says whether it is newly connected.

    An app whose writes wait for a yes cannot get rid of that by asking anew: only `update_grant` takes it off.
    Raises SignedOut.
    """
    _lock_user(user)
    columns = _build_columns(chosen)
    if not chosen.asks_first:
        del columns["asks_first"]
    grant, is_new = AppGrant.objects.update_or_create(
        user=user,
        application=application,
        defaults={**columns, "paused_at": None, "consented_at": timezone.now()},
    )
    _send_grant_event(grant, GrantEvent.CONNECT, by)
    return is_new


@transaction.atomic
def update_grant(grant: AppGrant, chosen: GrantOptions, *, by: Actor | None = None) -> None:
    """Change what the app may do. Raises ValidationError by field."""
    if not chosen.scopes or chosen.scopes - frozenset(grant.scopes):
        # More than it was given the app must ask for itself.
        raise ValidationError({"scopes": _("Choose at least one of those that the app was given.")})
    if chosen.only_tags is not None and not chosen.only_tags:
        raise ValidationError({"only_tags": _("Choose at least one tag.")})
    if chosen.ends_at is not None and chosen.ends_at != grant.ends_at and chosen.ends_at <= timezone.now():
        raise ValidationError({"ends_at": _("The end must lie in the future.")})
    _save_grant(grant, **_build_columns(chosen))
    _send_grant_event(grant, GrantEvent.NARROW, by)


@transaction.atomic
def pause_grant(grant: AppGrant, *, by: Actor | None = None) -> None:
    """Refuse its tokens from now on, and keep all else as it is."""
    _save_grant(grant, paused_at=timezone.now())
    _send_grant_event(grant, GrantEvent.PAUSE, by)


@transaction.atomic
def resume_grant(grant: AppGrant, *, by: Actor | None = None) -> None:
    _save_grant(grant, paused_at=None)
    _send_grant_event(grant, GrantEvent.RESUME, by)


@transaction.atomic
def revoke_grant(grant: AppGrant, *, by: Actor | None = None) -> None:
    """Disconnect the app: from this moment no token of it is worth anything."""
    # First the grant: a refresh that is under way holds its lock, and its tokens are seen below.
    is_gone, _rows = AppGrant.objects.filter(pk=grant.pk).delete()
    families.revoke_all_tokens(grant.user, grant.application)
    if is_gone:
        _send_grant_event(grant, GrantEvent.DISCONNECT, by)


@transaction.atomic
def revoke_all_grants(user: User) -> None:
    """Disconnect all apps of a person."""
    connected = list(AppGrant.objects.filter(user=user).select_related("application", "user").order_by("pk"))
    AppGrant.objects.filter(user=user).delete()
    families.revoke_all_tokens(user)
    for grant in connected:
        _send_grant_event(grant, GrantEvent.DISCONNECT, None)


def record_app_deletion(application: Application, *, is_alone: bool) -> None:
    """To be called before an app is deleted: everybody who connected it is disconnected, and finds it in their record.

    is_alone: nobody is deleted with it.
    """
    lost = (
        AppGrant.objects.filter(application=application).select_related("application", "user").order_by("pk")
    )
    if not is_alone:  # no line can be written for a person who goes with it
        lost = lost.exclude(user=application.user).filter(user__is_active=True)
    for grant in lost:
        _send_grant_event(grant, GrantEvent.DISCONNECT, Actor(user=None, door=Channel.WEB))


def list_grants(actor: Actor) -> QuerySet[AppGrant]:
    """A person's connected apps, newest first, for their own session. Raises InsufficientScope for an app."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    own = AppGrant.objects.filter(user=actor.person).select_related("application", "user")
    return own.order_by("-consented_at")


def find_grant(user: User, application: Application) -> AppGrant | None:
    """What the person allowed the app the last time, if they have not taken it back; it may have ended."""
    return AppGrant.objects.filter(user=user, application=application).first()


def get_grant(actor: Actor, grant_id: UUID, *, for_update: bool = False) -> AppGrant:
    """One of the person's connected apps. Raises AppNotFound, InsufficientScope; for_update needs a transaction."""
    own = list_grants(actor)
    try:
        return (own.select_for_update(of=("self",), no_key=True) if for_update else own).get(pk=grant_id)
    except AppGrant.DoesNotExist:
        # Another person's is not there either: that they use an app is private too.
        raise AppNotFound from None


def get_grant_ids_by_client(actor: Actor, client_ids: Collection[str]) -> dict[str, UUID]:
    """By client id, the ids of the person's connections with these apps; no query where there is none."""
    if not client_ids:
        return {}
    own = list_grants(actor).filter(application__client_id__in=client_ids)
    return dict(own.values_list("application__client_id", "pk"))


def filter_tags_in_grants(tags: Collection[UUID]) -> set[UUID]:
    """Which of these tags some app was narrowed to."""
    narrowed = AppGrant.objects.filter(only_tags__overlap=list(tags)).values_list("only_tags", flat=True)
    return {tag for only_tags in narrowed for tag in only_tags or ()} & set(tags)


def get_current_actor(user_id: UUID, client_id: str, door: Channel) -> Actor | None:
    """The app as it may act at this moment; None where it is disconnected or paused, or its time is over."""
    theirs = AppGrant.objects.filter(user=user_id, application__client_id=client_id, paused_at=None)
    grant = theirs.exclude(ends_at__lte=Now()).select_related("user", "application").first()
    if grant is None:
        return None
    only_tags = None if grant.only_tags is None else frozenset(grant.only_tags)
    chosen = GrantOptions(frozenset(grant.scopes), only_tags, grant.ends_at, grant.asks_first)
    return replace(build_app_actor(grant.user, grant.application, chosen), door=door)


def build_app_actor(user: User, application: Application, chosen: GrantOptions) -> Actor:
    """The app as it would be with this narrowing: to count what it would see."""
    return Actor(
        user=user,
        door=Channel.API,
        scopes=chosen.scopes,
        client_id=application.client_id,
        only_tags=chosen.only_tags,
        until=chosen.ends_at,
        asks_first=chosen.asks_first,
    )


def _lock_user(user: User) -> None:
    """Whatever ends the person's log-ins waits, or wins: else a yes under way would outlast a new password."""
    now = User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).first()
    if now is None or now.get_session_auth_hash() != user.get_session_auth_hash():
        raise SessionEnded


def _build_columns(chosen: GrantOptions) -> dict[str, object]:
    return {
        "scopes": sorted(chosen.scopes),
        "only_tags": None if chosen.only_tags is None else sorted(chosen.only_tags),
        "ends_at": chosen.ends_at,
        "asks_first": chosen.asks_first,
    }


def _send_grant_event(grant: AppGrant, change: GrantEvent, by: Actor | None) -> None:
    grant_changed.send(
        AppGrant, grant=grant, change=change, by=by or Actor(user=grant.user, door=Channel.WEB)
    )


def _save_grant(grant: AppGrant, **values: object) -> None:
    for name, value in values.items():
        setattr(grant, name, value)
    grant.save(update_fields=list(values))
