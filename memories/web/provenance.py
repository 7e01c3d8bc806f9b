"""Who wrote a memory and who read it, as its page says so: apps lead to the page on which they can be disconnected."""

from dataclasses import dataclass

from django.urls import reverse

from accounts.actor import Actor
from memories.clients import names as client_names
from memories.clients.insights import readers_of
from memories.models import Memory
from memories.services import reads
from memories.web.presenters import source_words
from oauth.access import grants

SHOWN = 8  # readers
TEXTS = 10  # of the history on a page: each may be as long as a memory


@dataclass(frozen=True)
class Who:
    """words: "by you". page: of the app, empty where it is none that is connected."""

    words: str
    page: str = ""


def of_memory(actor: Actor, memory: Memory, *, before: int | None = None) -> dict[str, object]:
    """For the page of a memory: writer, history, readers. before: the version from which on the history is left out."""
    history = reads.history(actor, memory.pk, before=before, limit=TEXTS)
    readers = readers_of(actor, memory.pk)
    sources = {memory.source, *(revision.source for revision in history.revisions)}
    names = client_names.of_sources(sources)
    pages = _pages(actor, {*map(client_names.client_of, sources), *(reader.client_id for reader in readers)})

    def who(source: str) -> Who:
        return Who(source_words(source, names), pages.get(client_names.client_of(source), ""))

    return {
        "writer": who(memory.source),
        "history": [(each, reads.opened(each), who(each.source)) for each in history.revisions],
        "count_earlier": history.count,
        "earlier": history.next,
        "is_further": before is not None,
        "readers": [(reader, pages.get(reader.client_id, "")) for reader in readers[:SHOWN]],
        "more_readers": max(len(readers) - SHOWN, 0),
    }


def _pages(actor: Actor, client_ids: set[str]) -> dict[str, str]:
    connected = grants.of_clients(actor, client_ids - {""})
    return {client_id: reverse("oauth:app", args=[grant_id]) for client_id, grant_id in connected.items()}
