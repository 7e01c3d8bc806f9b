"""Visibility rules: the only place that decides who sees which memory. Every read begins with `visible_to`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self, TypeVar
from uuid import UUID

from django.apps import apps
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from accounts.actor import Actor, Channel
from accounts.models import User
from memories import scopes

Row = TypeVar("Row", bound=Model)
NOTHING = Q(pk__in=[])
APP = "app"  # the source that stands for any app other than the one that asks


@dataclass(frozen=True)
class Filters:
    """Conditions of a list or a search, applied before ranking. The default restricts nothing.

    tags_any, tags_all: tag ids. source: a channel ("web"), an app ("api:<client id>") or APP. since, until: creation
    time, until exclusive. pinned: only pinned ones, or only others.
    """

    visibility: str | None = None
    tags_any: frozenset[UUID] = frozenset()
    tags_all: frozenset[UUID] = frozenset()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    pinned: bool | None = None


NO_FILTERS = Filters()


def get_visible_source(actor: Actor, source: str) -> str:
    """Return who wrote something as the actor may know it: to an app, every other app is APP."""
    client_id = source.partition(":")[2]
    return source if not actor.is_app or client_id in ("", actor.client_id) else APP


def _build_source_q(actor: Actor, source: str) -> Q:
    """Return the condition for memories whose source is this one, as the actor may know it."""
    if source == APP:
        own = Q(source__in=[f"{channel}:{actor.client_id}" for channel in Channel])
        return Q(source__contains=":") & ~own
    return Q(source=source) if get_visible_source(actor, source) == source else NOTHING


def build_revision_q(actor: Actor) -> Q:
    """Return the condition for earlier texts of memories that the actor sees.

    An app that is limited to tags sees those that a memory had with one of them, not what it was before.
    """
    if actor.only_tags is None:
        return Q()
    memory_tag = apps.get_model("memories", "MemoryTag")
    tagged = memory_tag._default_manager.filter(
        owner_id=OuterRef("owner_id"),
        memory_id=OuterRef("memory_id"),
        tag_id__in=actor.only_tags,
        since__lte=OuterRef("version"),
    )
    return Q(Exists(tagged))


def build_persona_access_q(actor: Actor, *, of: str = "") -> Q:
    """Return the condition under which a user's persona answers this actor, other than the user themselves.

    `of` is the lookup prefix from a row to its user, such as "owner__". Anonymous users can ask only personas with a
    public page.
    """
    is_on = Q(**{f"{of}persona_enabled": True, f"{of}is_active": True})
    if actor.user is None:
        return is_on & Q(**{f"{of}public_page_enabled": True})
    return is_on if actor.has_scope(scopes.PERSONA) else NOTHING


class VisibleQuerySet(QuerySet[Row]):
    """Rows that represent memories. Subclasses name the columns that the visibility rule needs."""

    IS_PUBLIC: ClassVar[Q]
    IS_TRASHED: ClassVar[Q]
    MEMORY_ID: ClassVar[str]

    def visible_to(self, actor: Actor, *, owner: User | None = None) -> Self:
        """Return the rows that this actor may see; with `owner`, only those of that user.

        Users see their own memories and the public ones of users whose persona is on. An app sees what its scopes
        allow, and of its own user's memories only those with the tags it is limited to. Anonymous users see the
        memories of public persona pages. Nobody sees expired or trashed ones here (see `trash_visible_to`).
        """
        if owner is None:
            return self.filter(
                self._build_present_q(), self._build_own_q(actor) | self._build_shared_q(actor)
            )
        if actor.user is not None and actor.user.pk == owner.pk:
            return self.filter(self._build_own_q(actor), self._build_present_q())
        # Asked once for the statement, and not as a join of each row with its owner.
        is_open = Exists(User.objects.filter(build_persona_access_q(actor), pk=owner.pk))
        return self.filter(self.IS_PUBLIC, is_open, self._build_present_q(), owner_id=owner.pk)

    def _build_own_q(self, actor: Actor) -> Q:
        if actor.user is None or not actor.has_scope(scopes.READ):
            return NOTHING
        own = Q(owner_id=actor.user.pk)
        return own if actor.only_tags is None else own & self._build_tagged_q(actor.only_tags)

    def _build_shared_q(self, actor: Actor) -> Q:
        shared = self.IS_PUBLIC & build_persona_access_q(actor, of="owner__")
        return shared if actor.user is None else shared & ~Q(owner_id=actor.user.pk)

    def owned_by(self, owner: User) -> Self:
        return self.filter(owner_id=owner.pk)

    def apply_filters(self, actor: Actor, filters: Filters) -> Self:
        """Return the rows that match. An app does not learn from a filter what other apps there are."""
        found = self.filter_by_origin(actor, filters)
        if filters.visibility:
            found = found.filter(self.IS_PUBLIC if filters.visibility == "public" else ~self.IS_PUBLIC)
        if filters.tags_any:
            found = found.filter(self._build_tagged_q(filters.tags_any))
        for tag_id in filters.tags_all:
            found = found.filter(self._build_tagged_q([tag_id]))
        return found

    def filter_by_origin(self, actor: Actor, filters: Filters) -> Self:
        """Return the rows with the source, creation time and pin that the filters name."""
        raise NotImplementedError

    def _build_present_q(self) -> Q:
        """Return the condition for rows neither trashed nor expired, by the database's clock."""
        return ~self.IS_TRASHED & (Q(expires_at__isnull=True) | Q(expires_at__gt=Now()))

    def _build_tagged_q(self, tag_ids: Collection[UUID]) -> Q:
        memory_tag = apps.get_model("memories", "MemoryTag")
        tagged = memory_tag._default_manager.filter(
            owner_id=OuterRef("owner_id"), memory_id=OuterRef(self.MEMORY_ID), tag_id__in=tag_ids
        )
        return Q(Exists(tagged))


class MemoryQuerySet(VisibleQuerySet[Row]):
    """A queryset of memories."""

    IS_PUBLIC = Q(visibility="public")
    IS_TRASHED = Q(deleted_at__isnull=False)
    MEMORY_ID = "pk"

    def trash_visible_to(self, actor: Actor) -> Self:
        """Return trashed and expired memories: only for the owner's own session."""
        if actor.user is None or actor.is_app:
            return self.none()
        return self.owned_by(actor.user).filter(self.IS_TRASHED | Q(expires_at__lte=Now()))

    def filter_by_origin(self, actor: Actor, filters: Filters) -> Self:
        found = self
        if filters.source:
            found = found.filter(_build_source_q(actor, filters.source))
        if filters.since:
            found = found.filter(created_at__gte=filters.since)
        if filters.until:
            found = found.filter(created_at__lt=filters.until)
        if filters.pinned is not None:
            found = found.filter(pinned=filters.pinned)
        return found


class MemoryVectorQuerySet(VisibleQuerySet[Row]):
    """A queryset of memory passages, the narrow table that search reads."""

    IS_PUBLIC = Q(is_public=True)
    IS_TRASHED = Q(is_trashed=True)
    MEMORY_ID = "memory_id"

    def filter_by_origin(self, actor: Actor, filters: Filters) -> Self:
        """Filter through the memory table, but only if needed."""
        if not (filters.source or filters.since or filters.until) and filters.pinned is None:
            return self
        memories = apps.get_model("memories", "Memory")._default_manager.filter_by_origin(actor, filters)
        return self.filter(
            Exists(memories.filter(owner_id=OuterRef("owner_id"), pk=OuterRef(self.MEMORY_ID)))
        )
