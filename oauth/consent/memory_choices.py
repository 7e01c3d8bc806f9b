"""A user's tags and memories as the consent and connected-apps pages show them."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.fields import DecryptError
from oauth.consent.resource_server import StoredMemory, get_resource_server
from oauth.models import AppGrant

EXCERPT_CHARACTERS = 160
MAX_TAG_CHOICES = 300


def list_tag_choices(
    actor: Actor, grant: AppGrant | None, data: QueryDict | None = None
) -> list[tuple[str, str]]:
    """Return (id, label) of the user's tags, with the number of memories: the most used ones and those already chosen.

    data: the submitted form, since a tag may have become less used than others while it was open.
    """
    chosen = {
        *((grant.only_tags if grant else None) or ()),
        *_parse_ids(data.getlist("tags") if data else ()),
    }
    tags = get_resource_server().list_tags(actor, limit=MAX_TAG_CHOICES, including=chosen)
    return [(str(tag_id), f"{tag.name} ({tag.memories})") for tag_id, tag in tags.items()]


def _parse_ids(values: Iterable[str]) -> Iterator[UUID]:
    for value in values:
        with suppress(ValueError):
            yield UUID(value)


def build_excerpt(memory: StoredMemory) -> str:
    """Return the beginning of the memory's text."""
    try:
        text = memory.text
    except DecryptError:
        return _("(cannot be decrypted)")
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"
