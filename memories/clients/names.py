"""What the apps that wrote memories are called. Who knows it says so at start (picard/composition.py)."""

from collections.abc import Callable, Collection, Iterable, Mapping

from accounts.actor import Channel

NameLookup = Callable[[Collection[str]], Mapping[str, str]]


def _find_no_names(_client_ids: Collection[str]) -> Mapping[str, str]:
    return {}


_name_lookup: NameLookup = _find_no_names


def set_name_lookup(names_of: NameLookup) -> None:
    """From now on names_of is asked: client ids to the names of those that it knows."""
    global _name_lookup
    _name_lookup = names_of


def get_client_id(source: str) -> str:
    """The client id in a source ("api:<client id>"), empty where no app wrote it."""
    return source.partition(":")[2]


def get_client_sources(client_id: str) -> list[str]:
    """The sources of what one app wrote: one a door that apps come by."""
    return [f"{door}:{client_id}" for door in (Channel.API, Channel.MCP)]


def get_client_names(sources: Iterable[str]) -> Mapping[str, str]:
    """By client id, the names of the apps among these sources; no query where there is none."""
    client_ids = {get_client_id(source) for source in sources} - {""}
    return _name_lookup(client_ids) if client_ids else {}
