"""What the apps that wrote memories are called. Who knows it says so at start (picard/composition.py)."""

from collections.abc import Callable, Collection, Iterable, Mapping

from accounts.actor import Door

NamesOf = Callable[[Collection[str]], Mapping[str, str]]


def _nobody_knows(_client_ids: Collection[str]) -> Mapping[str, str]:
    return {}


_ask: NamesOf = _nobody_knows


def known_by(names_of: NamesOf) -> None:
    """From now on names_of is asked: client ids to the names of those that it knows."""
    global _ask
    _ask = names_of


def client_of(source: str) -> str:
    """The client id in a source ("api:<client id>"), empty where no app wrote it."""
    return source.partition(":")[2]


def sources_of(client_id: str) -> list[str]:
    """The sources of what one app wrote: one a door that apps come by."""
    return [f"{door}:{client_id}" for door in (Door.API, Door.MCP)]


def of_sources(sources: Iterable[str]) -> Mapping[str, str]:
    """By client id, the names of the apps among these sources; no query where there is none."""
    client_ids = {client_of(source) for source in sources} - {""}
    return _ask(client_ids) if client_ids else {}
