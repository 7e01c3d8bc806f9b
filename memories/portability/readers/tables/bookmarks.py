"""Tables of bookmarks: Raindrop, Pocket, Instapaper and others. They have addresses, not memories."""

from memories.portability.readers.formats import PartStart
from memories.portability.readers.tables.columns import normalize_name
from memories.portability.readers.tables.dialects import detect_dialect

ADDRESSES = frozenset({"url", "link", "href", "uri"})
BOOKMARK_COLUMNS = frozenset({
    "id", "title", "name", "note", "excerpt", "description", "selection", "folder", "tags", "created", "created at",
    "cover", "highlights", "favorite", "favourite", "time added", "timestamp", "status", "date", "added", "domain",
    "type", "collection", "read", "archived", "unread", "toread", "shared", "lang", "updated", "updated at", "starred",
})  # fmt: skip


def is_bookmark_table(start: PartStart) -> bool:
    """Return whether a table has addresses and titles, and nothing that bookmarks do not have."""
    first = start.text.partition("\n")[0].casefold()
    if not any(name in first for name in ADDRESSES):
        return False
    dialect = detect_dialect(start)
    names = set() if dialect is None else set(map(normalize_name, dialect.header)) - {""}
    return (
        bool(names & ADDRESSES)
        and "title" in names
        and names <= ADDRESSES | BOOKMARK_COLUMNS
        and not {"note", "notes", "description"} & names - ({"note"} if "excerpt" in names else set())
    )
