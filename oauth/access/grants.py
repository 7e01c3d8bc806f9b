"""Grants: the access that a user gives an app, from consent to disconnection. Each change is one transaction.

`by` is who makes the change and through which channel; by default the user, on the website.
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

MAX_APPS = 200  # connected by a user: the page of apps shows them all

grant_changed = Signal()  # arguments: grant, change, by; sent within the transaction


class GrantEvent(StrEnum):
    """A change of a grant."""

    CONNECT = "connect"
    NARROW = "narrow"
    PAUSE = "pause"
    RESUME = "resume"
    DISCONNECT = "disconnect"


class AppNotFound(Exception):
    """The user has no such connected app, or not any more."""


class TooManyApps(Exception):
    """The user has connected MAX_APPS apps."""


class SessionEnded(Exception):
    """The user's sessions or account were ended while the consent page was open."""


@dataclass(frozen=True)
class GrantOptions:
    """Access that a user chose. only_tags: ids of tags, None for all memories; ends_at: None for no expiry.

    asks_first: whether the app's changes need the user's approval.
    """

    scopes: frozenset[str]
    only_tags: frozenset[UUID] | None = None
    ends_at: datetime | None = None
    asks_first: bool = False


@transaction.atomic
def grant_access(
    user: User,
    application: Application,
    options: GrantOptions,
    *,
    requested: Collection[str] = (),
    by: Actor | None = None,
) -> bool:
    """Grant access in place of any previous grant; return whether the app is newly connected.

    requested: the scopes that the app requested. Those that the user declined are remembered.
    Raises SessionEnded, TooManyApps.
    A new authorization request never turns off required approval (asks_first); only `update_grant` does.
    """
    _lock_user(user)
    previous = find_grant(user, application)
    if previous is None and AppGrant.objects.filter(user=user).count() >= MAX_APPS:
        raise TooManyApps
    columns = _build_columns(options) | {"consented_name": str(application)}
    columns["declined_scopes"] = _list_declined_scopes(previous, requested, options)
    if not options.asks_first:
        del columns["asks_first"]
    grant, is_new = AppGrant.objects.update_or_create(
        user=user,
        application=application,
        defaults={**columns, "paused_at": None, "consented_at": timezone.now()},
    )
    _send_grant_event(grant, GrantEvent.CONNECT, by)
    return is_new


@transaction.atomic
def update_grant(grant: AppGrant, options: GrantOptions, *, by: Actor | None = None) -> None:
    """Change the app's access. Raises ValidationError by field, AppNotFound."""
    if not options.scopes or options.scopes - frozenset(grant.scopes):
        # For further scopes the app must send an authorization request.
        raise ValidationError({"scopes": _("Select at least one of the permissions granted to the app.")})
    if options.only_tags is not None and not options.only_tags:
        raise ValidationError({"only_tags": _("Select at least one tag.")})
    if options.ends_at is not None and options.ends_at != grant.ends_at and options.ends_at <= timezone.now():
        raise ValidationError({"ends_at": _("Expiry must be in the future.")})
    if grant.application.is_personal_token and _is_later(options.ends_at, grant.ends_at):
        # Only somebody who has just confirmed who they are can make a token last longer.
        raise ValidationError({"ends_at": _("A token cannot be extended. Regenerate it instead.")})
    declined = _list_declined_scopes(grant, grant.scopes, options)
    _save_grant(grant, **_build_columns(options), declined_scopes=declined)
    _send_grant_event(grant, GrantEvent.NARROW, by)


@transaction.atomic
def renew_grant(user: User, grant: AppGrant, ends_at: datetime | None) -> None:
    """Allow the same access again until `ends_at`, with a new token. Raises SessionEnded, AppNotFound."""
    _lock_user(user)
    _save_grant(grant, ends_at=ends_at, paused_at=None, consented_at=timezone.now())
    _send_grant_event(grant, GrantEvent.CONNECT, None)


@transaction.atomic
def pause_grant(grant: AppGrant, *, by: Actor | None = None) -> None:
    """Reject the app's tokens until `resume_grant`. Its options stay unchanged. Raises AppNotFound."""
    _save_grant(grant, paused_at=timezone.now())
    _send_grant_event(grant, GrantEvent.PAUSE, by)


@transaction.atomic
def resume_grant(grant: AppGrant, *, by: Actor | None = None) -> None:
    """Accept the app's tokens again. Raises AppNotFound."""
    _save_grant(grant, paused_at=None)
    _send_grant_event(grant, GrantEvent.RESUME, by)


@transaction.atomic
def revoke_grant(grant: AppGrant, *, by: Actor | None = None) -> None:
    """Disconnect the app and revoke all its tokens."""
    # The grant first: a concurrent refresh holds its lock, and its new tokens are then visible below.
    is_deleted, _rows = AppGrant.objects.filter(pk=grant.pk).delete()
    families.revoke_all_tokens(grant.user, grant.application)
    if is_deleted:
        _record_disconnection([grant.application_id])
        _send_grant_event(grant, GrantEvent.DISCONNECT, by)


@transaction.atomic
def revoke_all_grants(user: User) -> None:
    """Disconnect all apps of a user."""
    connected = list(AppGrant.objects.filter(user=user).select_related("application", "user").order_by("pk"))
    AppGrant.objects.filter(user=user).delete()
    families.revoke_all_tokens(user)
    _record_disconnection([grant.application_id for grant in connected])
    for grant in connected:
        _send_grant_event(grant, GrantEvent.DISCONNECT, None)


def record_app_deletion(application: Application, *, is_alone: bool) -> None:
    """Record in the activity of its users that an app is disconnected. Call it before deleting the app.

    is_alone: whether no user is deleted with it.
    """
    affected = (
        AppGrant.objects.filter(application=application).select_related("application", "user").order_by("pk")
    )
    if not is_alone:  # no event can be stored for a user who is deleted too
        affected = affected.exclude(user=application.user).filter(user__is_active=True)
    for grant in affected:
        _send_grant_event(grant, GrantEvent.DISCONNECT, Actor(user=None, door=Channel.WEB))


def record_user_deletion(user: User) -> None:
    """Record that the user's apps lose a user. Call it before deleting the user, whose grants are deleted with them."""
    _record_disconnection(list(AppGrant.objects.filter(user=user).values_list("application_id", flat=True)))


def list_grants(actor: Actor) -> QuerySet[AppGrant]:
    """Return the user's connected apps, newest first. Raises InsufficientScope for an app."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    own = AppGrant.objects.filter(user=actor.person).select_related("application", "user")
    return own.order_by("-consented_at")


def find_grant(user: User, application: Application) -> AppGrant | None:
    """Return the app's grant, which may have expired, or None."""
    return AppGrant.objects.filter(user=user, application=application).first()


def get_grant(actor: Actor, grant_id: UUID, *, for_update: bool = False) -> AppGrant:
    """Return a grant of the user. Raises AppNotFound, InsufficientScope. for_update needs a transaction."""
    own = list_grants(actor)
    try:
        return (own.select_for_update(of=("self",), no_key=True) if for_update else own).get(pk=grant_id)
    except AppGrant.DoesNotExist:
        # The same for another user's grant: which apps they use is private.
        raise AppNotFound from None


def get_grant_ids_by_client(actor: Actor, client_ids: Collection[str]) -> dict[str, UUID]:
    """Return the ids of the user's grants by client id. No query if `client_ids` is empty."""
    if not client_ids:
        return {}
    own = list_grants(actor).filter(application__client_id__in=client_ids)
    return dict(own.values_list("application__client_id", "pk"))


def filter_tags_in_grants(tags: Collection[UUID]) -> set[UUID]:
    """Return those of the tags to which any grant is limited."""
    limits = AppGrant.objects.filter(only_tags__overlap=list(tags)).values_list("only_tags", flat=True)
    return {tag for only_tags in limits for tag in only_tags or ()} & set(tags)


def get_current_actor(user_id: UUID, client_id: str, channel: Channel) -> Actor | None:
    """Return the app's actor with its current access; None if it is disconnected, paused or expired."""
    grants = AppGrant.objects.filter(user=user_id, application__client_id=client_id, paused_at=None)
    grant = grants.exclude(ends_at__lte=Now()).select_related("user", "application").first()
    if grant is None:
        return None
    only_tags = None if grant.only_tags is None else frozenset(grant.only_tags)
    options = GrantOptions(frozenset(grant.scopes), only_tags, grant.ends_at, grant.asks_first)
    return replace(build_app_actor(grant.user, grant.application, options), door=channel)


def build_app_actor(user: User, application: Application, options: GrantOptions) -> Actor:
    """Return the app's actor with these options, for a preview of its access."""
    return Actor(
        user=user,
        door=Channel.API,
        scopes=options.scopes,
        client_id=application.client_id,
        only_tags=options.only_tags,
        until=options.ends_at,
        asks_first=options.asks_first,
    )


def _lock_user(user: User) -> None:
    """Lock the user row so that a consent in flight cannot outlive a password change. Raises SessionEnded."""
    current = User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).first()
    if current is None or current.get_session_auth_hash() != user.get_session_auth_hash():
        raise SessionEnded


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    """Return whether access that ends at `one` lasts longer; None is never."""
    return other is not None and (one is None or one > other)


def _build_columns(options: GrantOptions) -> dict[str, object]:
    return {
        "scopes": sorted(options.scopes),
        "only_tags": None if options.only_tags is None else sorted(options.only_tags),
        "ends_at": options.ends_at,
        "asks_first": options.asks_first,
    }


def _list_declined_scopes(
    previous: AppGrant | None, requested: Collection[str], options: GrantOptions
) -> list[str]:
    before = previous.declined_scopes if previous is not None else ()
    return sorted({*before, *requested} - options.scopes)


def _record_disconnection(application_ids: Collection[int]) -> None:
    """Record the time of a disconnection. Last in a transaction and in one order, to avoid deadlocks."""
    apps = Application.objects.filter(pk__in=application_ids)
    list(apps.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    apps.update(disconnected_at=Now())


def _send_grant_event(grant: AppGrant, change: GrantEvent, by: Actor | None) -> None:
    grant_changed.send(
        AppGrant, grant=grant, change=change, by=by or Actor(user=grant.user, door=Channel.WEB)
    )


def _save_grant(grant: AppGrant, **values: object) -> None:
    """Change the grant. Raises AppNotFound if it was revoked since it was read."""
    if not AppGrant.objects.filter(pk=grant.pk).update(**values):
        raise AppNotFound
    for name, value in values.items():
        setattr(grant, name, value)
