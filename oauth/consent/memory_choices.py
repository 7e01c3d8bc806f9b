"""A user's tags and memories as the consent and connected-apps pages show them."""

from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.fields import DecryptError
from oauth.consent.resource_server import StoredMemory, get_resource_server

EXCERPT_CHARACTERS = 160


def list_tag_choices(actor: Actor) -> list[tuple[str, str]]:
    """Return (id, label) of each of the user's tags. The label has the number of memories."""
    server = get_resource_server()
    counts = server.memories_per_tag(actor)
    return [(str(tag), f"{name} ({counts.get(tag, 0)})") for tag, name in server.tag_names(actor).items()]


def build_excerpt(memory: StoredMemory) -> str:
    """Return the beginning of the memory's text."""
    try:
        text = memory.text
    except DecryptError:
        return _("(cannot be decrypted)")
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"
