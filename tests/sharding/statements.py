"""Which partitions the statements of a block would read, by their plans."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from django.db.backends.utils import CursorWrapper

from picard.config.paths import PROJECT
from tests.sharding.partitions import TABLES

PLANNED = re.compile(r"\s*(?:select|with|insert|update|delete|declare)\b", re.IGNORECASE)
OWNED_TABLE = re.compile(rf"\b(?:{'|'.join(TABLES)})\b")
PARTITION = re.compile(rf"\b(?:{'|'.join(TABLES)})_p(\d)")
EXPLAINED = 2
CODE = ("accounts/", "core/", "memories/", "oauth/", "picard/")
SENDERS = ("core/db/", "core/work_meter.py", "picard/database/")  # they send the statements of others


@dataclass(frozen=True)
class Stray:
    """A statement that reads several partitions. place: the function that sends it, as `path:function`."""

    place: str
    statement: str

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.statement.split())}"


@dataclass
class Watch:
    """The statements on owned tables. modules: those that had a part in one, by path."""

    statements: Counter[str] = field(default_factory=Counter)
    modules: set[str] = field(default_factory=set)
    strays: set[Stray] = field(default_factory=set)


@contextmanager
def watch_statements() -> Iterator[Watch]:
    """Explain each statement of every thread before it runs, the first EXPLAINED times.

    Django's wrapper of cursors runs all of them, also those of `fetch_prepared` and of named cursors.
    """
    watch = Watch()
    execute = CursorWrapper._execute  # type: ignore[attr-defined]

    def explain_first(wrapper: Any, sql: Any, params: Any, *ignored: Any) -> Any:
        text = str(sql)
        if PLANNED.match(text) and OWNED_TABLE.search(text):
            places = list_places()
            watch.statements[text] += 1
            watch.modules.update(place.partition(":")[0] for place in places)
            is_new = watch.statements[text] <= EXPLAINED
            if is_new and len(find_partitions(wrapper.cursor, text, params)) > 1:
                watch.strays.add(Stray(places[0] if places else "tests", text))
        return execute(wrapper, sql, params, *ignored)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute", explain_first)
        yield watch


def find_partitions(cursor: Any, sql: str, params: Any) -> set[str]:
    """Return the numbers of the partitions in the statement's plan for these parameters."""
    is_numbered = isinstance(cursor, psycopg.RawCursor)
    explaining: Any = (psycopg.RawCursor if is_numbered else psycopg.ClientCursor)(cursor.connection)
    explaining.execute(f"explain (format json, costs off) {sql}", params)
    [(plan,)] = explaining.fetchall()
    return set(PARTITION.findall(str(plan)))


def list_places() -> list[str]:
    """Return the functions of the project that are running, the innermost first."""
    frame: Any = sys._getframe(1)
    places = []
    while frame is not None:
        path = frame.f_code.co_filename.removeprefix(f"{PROJECT}/")
        name = frame.f_code.co_name
        if path.startswith(CODE) and not path.startswith(SENDERS) and not name.startswith("<"):
            places.append(f"{path}:{name}")
        frame = frame.f_back
    return places
