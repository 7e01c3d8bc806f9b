"""Who wrote a memory and who read it, as its page says so: apps lead to the page on which they can be disconnected."""

from dataclasses import dataclass

from django.urls import reverse

from accounts.actor import Actor
from memories.clients import names as client_names
from memories.clients.insights import list_readers
from memories.models import Memory
from memories.services import reads
from memories.web.presenters import describe_source
from oauth.access import grants

MAX_READERS = 8  # readers
HISTORY_LIMIT = 10  # of the history on a page: each may be as long as a memory


@dataclass(frozen=True)
class Attribution:
    """words: "by you". page: of the app, empty where it is none that is connected."""

    words: str
    page: str = ""


def get_provenance(actor: Actor, memory: Memory, *, before: int | None = None) -> dict[str, object]:
    """For the page of a memory: writer, history, readers. before: the version from which on the history is left out."""
    history = reads.get_history(actor, memory.pk, before=before, limit=HISTORY_LIMIT)
    readers = list_readers(actor, memory.pk)
    sources = {memory.source, *(revision.source for revision in history.revisions)}
    names = client_names.get_client_names(sources)
    pages = _get_app_urls(
        actor, {*map(client_names.get_client_id, sources), *(reader.client_id for reader in readers)}
    )

    def who(source: str) -> Attribution:
        return Attribution(describe_source(source, names), pages.get(client_names.get_client_id(source), ""))

    return {
        "writer": who(memory.source),
        "history": [(each, reads.decrypt_or_none(each), who(each.source)) for each in history.revisions],
        "count_earlier": history.count,
        "earlier": history.next,
        "is_further": before is not None,
        "readers": [(reader, pages.get(reader.client_id, "")) for reader in readers[:MAX_READERS]],
        "more_readers": max(len(readers) - MAX_READERS, 0),
    }


def _get_app_urls(actor: Actor, client_ids: set[str]) -> dict[str, str]:
    connected = grants.get_grant_ids_by_client(actor, client_ids - {""})
    return {client_id: reverse("oauth:app", args=[grant_id]) for client_id, grant_id in connected.items()}
