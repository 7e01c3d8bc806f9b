"""Sources, history and readers of a memory, with links to the connected apps."""

from dataclasses import dataclass

from django.urls import reverse

from accounts.actor import Actor
from memories.clients import names as client_names
from memories.insights.readers import list_readers
from memories.models import Memory
from memories.services import reads
from memories.web.presenters import describe_source
from oauth.access import grants

MAX_READERS = 8
HISTORY_LIMIT = 10  # versions on a page; each may be as long as a memory


@dataclass(frozen=True)
class Attribution:
    """A source as text ("by you") and the URL of its app, empty unless it is connected."""

    words: str
    page: str = ""


def get_provenance(actor: Actor, memory: Memory, *, before: int | None = None) -> dict[str, object]:
    """Return source, history and readers for a memory's page.

    before: only list versions before this one.
    """
    history = reads.get_history(actor, memory.pk, before=before, limit=HISTORY_LIMIT)
    readers = list_readers(actor, memory.pk)
    sources = {memory.source, *(revision.source for revision in history.revisions)}
    names = client_names.get_client_names(memory.owner_id, sources)
    pages = _get_app_urls(
        actor, {*map(client_names.get_client_id, sources), *(reader.client_id for reader in readers)}
    )

    def attribute(source: str) -> Attribution:
        return Attribution(describe_source(source, names), pages.get(client_names.get_client_id(source), ""))

    return {
        "writer": attribute(memory.source),
        "history": [
            (revision, reads.decrypt_or_none(revision), attribute(revision.source))
            for revision in history.revisions
        ],
        "earlier_count": history.count,
        "next_before": history.next,
        "is_continued": before is not None,
        "readers": [(reader, pages.get(reader.client_id, "")) for reader in readers[:MAX_READERS]],
        "more_readers": max(len(readers) - MAX_READERS, 0),
    }


def _get_app_urls(actor: Actor, client_ids: set[str]) -> dict[str, str]:
    connected = grants.get_grant_ids_by_client(actor, client_ids - {""})
    return {client_id: reverse("oauth:app", args=[grant_id]) for client_id, grant_id in connected.items()}
