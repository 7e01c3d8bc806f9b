"""Names of the apps that wrote memories. picard/composition.py registers the lookup at startup."""

from collections.abc import Callable, Collection, Iterable, Mapping
from uuid import UUID

from accounts.actor import Channel

NameLookup = Callable[[UUID, Collection[str]], Mapping[str, str]]


def _find_no_names(_owner_id: UUID, _client_ids: Collection[str]) -> Mapping[str, str]:
    return {}


_name_lookup: NameLookup = _find_no_names


def set_name_lookup(lookup: NameLookup) -> None:
    """Register the lookup from a user id and client ids to the names under which the user knows the apps."""
    global _name_lookup
    _name_lookup = lookup


def get_client_id(source: str) -> str:
    """Return the client id in a source ("api:<client id>"), empty without an app."""
    return source.partition(":")[2]


def get_client_sources(client_id: str) -> list[str]:
    """Return the sources of one app: one per channel that apps use."""
    return [f"{channel}:{client_id}" for channel in (Channel.API, Channel.MCP)]


def get_client_names(owner_id: UUID, sources: Iterable[str]) -> Mapping[str, str]:
    """Return the names of the apps among these sources, by client id, as the user knows them; no query without apps."""
    client_ids = {get_client_id(source) for source in sources} - {""}
    return _name_lookup(owner_id, client_ids) if client_ids else {}
