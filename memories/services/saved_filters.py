"""Saved filters of the memory list."""

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
from core.db.prepared import fetch_prepared
from memories import scopes
from memories.errors import SavedFilterNotFound
from memories.fields import build_stored_row
from memories.models import SavedFilter
from memories.validation import limits

logger = logging.getLogger(__name__)

MAX_FILTERS = 20  # per user: the page shows them all
NAME_CHARACTERS = 50
PARTS = {"q", "visibility", "tag"}
LIST_SQL = "select id, content from memories_savedfilter where owner_id = %s"


@dataclass(frozen=True)
class NamedFilter:
    """A decrypted saved filter. `parts`: q, visibility, tag (an id), each only if it restricts."""

    id: UUID
    name: str
    parts: Mapping[str, str]


def list_saved_filters(actor: Actor) -> list[NamedFilter]:
    """Return the user's saved filters, by name, without any that cannot be decrypted."""
    actor.require_scope(scopes.READ)
    owner_id = actor.person.pk
    rows = [
        build_stored_row(SavedFilter, ("id", "owner_id", "content"), (pk, owner_id, content))
        for pk, content in fetch_prepared(LIST_SQL, [owner_id])
    ]
    filters = [decrypted for decrypted in map(_decrypt_filter, rows) if decrypted is not None]
    return sorted(filters, key=lambda each: limits.fold_tag_name(each.name))


@transaction.atomic
def save_filter(actor: Actor, *, name: str, parts: Mapping[str, str]) -> None:
    """Save a filter; an existing one of the same name is replaced."""
    actor.require_scope(scopes.READ)
    actor.require_scope(scopes.WRITE)
    name, parts = _clean_name(name), _clean_parts(parts)
    lock_owner(OwnerLock.SAVED_FILTERS, actor.person.pk)  # keeps names unique and MAX_FILTERS exact
    saved = list_saved_filters(actor)
    same = [each.id for each in saved if limits.fold_tag_name(each.name) == limits.fold_tag_name(name)]
    if len(saved) - len(same) >= MAX_FILTERS:
        message = _("You can have at most %(n)d saved filters. Delete one first.") % {"n": MAX_FILTERS}
        raise ValidationError({"name": ValidationError(message, code="too_many")})
    SavedFilter.objects.filter(owner_id=actor.person.pk, pk__in=same).delete()
    SavedFilter.objects.create(owner_id=actor.person.pk, content=json.dumps({"name": name, "parts": parts}))


def delete_filter(actor: Actor, filter_id: UUID) -> None:
    """Delete a saved filter; memories stay unchanged. Raises SavedFilterNotFound."""
    actor.require_scope(scopes.WRITE)
    deleted, _each = SavedFilter.objects.filter(owner_id=actor.person.pk, pk=filter_id).delete()
    if not deleted:
        raise SavedFilterNotFound


def _decrypt_filter(row: SavedFilter) -> NamedFilter | None:
    try:
        content = json.loads(row.content)
    except DecryptError:
        logger.error("cannot decrypt %s", row)
        return None
    return NamedFilter(row.pk, content["name"], content["parts"])


def _clean_name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise ValidationError({"name": ValidationError(_("Enter a name for the filter."), code="blank")})
    if len(name) > NAME_CHARACTERS:
        message = _("The name can have at most %(n)d characters.") % {"n": NAME_CHARACTERS}
        raise ValidationError({"name": ValidationError(message, code="too_long")})
    return name


def _clean_parts(parts: Mapping[str, str]) -> dict[str, str]:
    conditions = {part: value for part, value in parts.items() if part in PARTS and value}
    if not conditions:
        message = _("Search or filter the list first, then save the filter.")
        raise ValidationError({"parts": ValidationError(message, code="blank")})
    return conditions
