"""How fast files of memories are previewed and imported."""

import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from accounts.actor import Actor, Channel
from accounts.ids import new_id
from accounts.models import User
from memories.models import ImportState, IndexState, Memory
from memories.portability.files.archives import NamedFile
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import stage_import

TURNS = 20  # of a conversation


@dataclass(frozen=True)
class FileRates:
    """Memories per second of an import: its preview, its run, and the preview of the same file again."""

    preview: float
    run: float
    again: float


def measure_file_imports(texts: Iterable[str]) -> dict[str, FileRates]:
    """Import files of different kinds as the page does: staged for preview, then imported."""
    texts = list(texts)
    files = {
        "list": orjson.dumps([{"memory": text} for text in texts]),
        "Picard export": b"".join(_build_line(text) for text in texts),
        "ChatGPT export": orjson.dumps(list(_build_conversations(texts))),
    }
    rates = {name: _measure_file_import(content) for name, content in files.items()}
    Memory.objects.update(index_state=IndexState.READY)  # not what the next part embeds
    return rates


def _build_line(text: str) -> bytes:
    day = "2025-01-31T12:00:00Z"
    value = {
        "picard": 1, "id": new_id(), "text": text, "tags": ["work", "home"], "visibility": "private", "version": 1,
        "created_at": day, "updated_at": day, "written_at": day, "history": [],
    }  # fmt: skip
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _build_conversations(texts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield conversations of TURNS messages of the user in the form of ChatGPT."""
    for number, first in enumerate(range(0, len(texts), TURNS)):
        mapping: dict[str, Any] = {
            f"{turn}": {
                "parent": f"{turn - 1}" if turn else None,
                "children": [],
                "message": {
                    "author": {"role": "user"},
                    "create_time": 1_740_000_000.0 + first + turn,
                    "content": {"content_type": "text", "parts": [text]},
                },
            }
            for turn, text in enumerate(texts[first : first + TURNS])
        }
        yield {"conversation_id": f"{number}", "mapping": mapping, "current_node": f"{len(mapping) - 1}"}


def _measure_file_import(content: bytes) -> FileRates:
    user = User.objects.create_user(f"{new_id()}@example.org", None)
    actor = Actor(user=user, door=Channel.WEB)
    times = [time.perf_counter()]
    batch = stage_import(actor, [NamedFile(io.BytesIO(content))])
    times.append(time.perf_counter())
    import_run.start_import(actor, batch.pk)
    while batch.state != ImportState.DONE:
        batch = import_run.advance_import(actor, batch.pk)
    times.append(time.perf_counter())
    stage_import(actor, [NamedFile(io.BytesIO(content))])
    times.append(time.perf_counter())
    preview, run, again = (batch.done / (after - before) for before, after in pairwise(times))
    return FileRates(preview, run, again)
