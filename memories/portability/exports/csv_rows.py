"""CSV for spreadsheets (RFC 4180): one row per memory."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from accounts.actor import Actor
from memories.portability.exports.pages import format_utc, iterate_texts
from memories.portability.readers.tables.csv_table import escape_formula
from memories.services.representation import represent_memory

COLUMNS = ("text", "tags", "visibility", "created_at", "expires_at", "id", "supersedes", "pinned")
TAG_SEPARATOR = ";"
# What programs that read tables take for separators, quotes, lists or signs of tags rather than for a part of a name.
AMBIGUOUS = re.compile(r"[;,|\[\]\"'#]|^[=+\-@]")


def write_csv(actor: Actor) -> Iterator[bytes]:
    yield ("\ufeff" + ",".join(COLUMNS) + "\r\n").encode()  # spreadsheets detect UTF-8 by the byte order mark
    for memory, text in iterate_texts(actor):
        cells = represent_memory(memory, COLUMNS, text=text).values()
        yield (",".join(map(_quote_cell, cells)) + "\r\n").encode()


def format_tags(names: Sequence[str]) -> str:
    """Join the names of tags by semicolons, or write a JSON list if a name could be taken for something else."""
    if any(map(AMBIGUOUS.search, names)):
        return json.dumps(list(names), ensure_ascii=False)
    return TAG_SEPARATOR.join(names)


def _quote_cell(value: object) -> str:
    """Quote a cell (RFC 4180, section 2)."""
    text = format_tags(value) if isinstance(value, list) else _format_value(value)
    return '"' + escape_formula(text).replace('"', '""') + '"'


def _format_value(value: object) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    return format_utc(value) if isinstance(value, datetime) else str(value)
