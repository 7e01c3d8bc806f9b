"""Filters of the list that a person keeps under a name."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.fields import DecryptError
from core.db.locks import OwnerLock, lock_owner
from memories import scopes
from memories.errors import SavedFilterNotFound
from memories.models import SavedFilter
from memories.validation import limits

logger = logging.getLogger(__name__)

MAX_FILTERS = 20  # of one person: they all stand beside the list
NAME_CHARACTERS = 50
PARTS = {"q", "visibility", "tag"}


@dataclass(frozen=True)
class NamedFilter:
    """A saved filter, opened. `parts`: q, visibility, tag (an id), each only where it restricts."""

    id: UUID
    name: str
    parts: Mapping[str, str]


def list_saved_filters(actor: Actor) -> list[NamedFilter]:
    """The person's saved filters, by name. One that does not open is left out: it must hide no other."""
    actor.require_scope(scopes.READ)
    rows = SavedFilter.objects.filter(owner_id=actor.person.pk)
    found = [opened for opened in map(_decrypt_filter, rows) if opened is not None]
    return sorted(found, key=lambda each: limits.fold_tag_name(each.name))


@transaction.atomic
def save_filter(actor: Actor, *, name: str, parts: Mapping[str, str]) -> None:
    """Keep a filter under a name; one that has the name already becomes this one."""
    actor.require_scope(scopes.READ)
    actor.require_scope(scopes.WRITE)
    name, parts = _clean_name(name), _clean_parts(parts)
    lock_owner(OwnerLock.SAVED_FILTERS, actor.person.pk)  # so that a name stays one filter and MOST holds
    kept = list_saved_filters(actor)
    same = [each.id for each in kept if limits.fold_tag_name(each.name) == limits.fold_tag_name(name)]
    if len(kept) - len(same) >= MAX_FILTERS:
        said = _("You have %(n)d saved filters, which is the most. Delete one first.") % {"n": MAX_FILTERS}
        raise ValidationError({"name": ValidationError(said, code="too_many")})
    SavedFilter.objects.filter(owner_id=actor.person.pk, pk__in=same).delete()
    SavedFilter.objects.create(owner_id=actor.person.pk, content=json.dumps({"name": name, "parts": parts}))


def delete_filter(actor: Actor, filter_id: UUID) -> None:
    """Forget a saved filter; no memory is touched. Raises FilterNotFound."""
    actor.require_scope(scopes.WRITE)
    deleted, _each = SavedFilter.objects.filter(owner_id=actor.person.pk, pk=filter_id).delete()
    if not deleted:
        raise SavedFilterNotFound


def _decrypt_filter(row: SavedFilter) -> NamedFilter | None:
    try:
        content = json.loads(row.content)
    except DecryptError:
        logger.error("%s does not open", row)
        return None
    return NamedFilter(row.pk, content["name"], content["parts"])


def _clean_name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise ValidationError({"name": ValidationError(_("Give the filter a name."), code="blank")})
    if len(name) > NAME_CHARACTERS:
        said = _("A name has at most %(n)d characters.") % {"n": NAME_CHARACTERS}
        raise ValidationError({"name": ValidationError(said, code="too_long")})
    return name


def _clean_parts(parts: Mapping[str, str]) -> dict[str, str]:
    kept = {part: value for part, value in parts.items() if part in PARTS and value}
    if not kept:
        said = _("Search or filter first, then save that.")
        raise ValidationError({"parts": ValidationError(said, code="blank")})
    return kept
