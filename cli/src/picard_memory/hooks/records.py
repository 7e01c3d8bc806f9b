"""What the hooks remember on this computer: how they were installed, how far transcripts were read, the last result.

No text of a conversation is stored, nor any of the agents' settings except what was added to them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from picard_memory import profiles

KEPT_S = 60 * 24 * 3600  # positions in transcripts that were not read for so long are deleted


@dataclass(frozen=True)
class InstallRecord:
    """is_new: the file did not exist. original: the blank text that was replaced. pieces: what was added.

    containers: "hooks" and the events that did not exist.
    """

    is_new: bool
    original: str | None
    pieces: list[str]
    containers: list[str]


@dataclass(frozen=True)
class Position:
    """How far a transcript was read, in bytes, and since when."""

    offset: int = 0
    since: str = ""

    @property
    def start_time(self) -> datetime | None:
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(self.since)
        return None

    def move_to(self, offset: int) -> Position:
        return replace(self, offset=offset)


@dataclass(frozen=True)
class LastRun:
    """The last capture: when, how many memories wait for approval since, or what went wrong."""

    at: str
    found: int = 0
    error: str | None = None


def get_now() -> str:
    return datetime.now(timezone.utc).isoformat()


def load_record(agent: str) -> InstallRecord | None:
    stored = _load(_folder() / f"{agent}.json")
    try:
        return InstallRecord(**stored) if stored else None
    except TypeError:
        return None


def save_record(agent: str, record: InstallRecord) -> None:
    _save(_folder() / f"{agent}.json", asdict(record))


def delete_record(agent: str) -> None:
    (_folder() / f"{agent}.json").unlink(missing_ok=True)


def load_position(transcript: str) -> Position | None:
    stored = _load(_get_position_path(transcript))
    try:
        return Position(int(stored["offset"]), str(stored["since"])) if stored else None
    except (KeyError, TypeError, ValueError):
        return None


def save_position(transcript: str, position: Position) -> None:
    _save(_get_position_path(transcript), asdict(position))


def purge_positions() -> None:
    """Delete the positions, and the locks, of transcripts that nobody reads any more."""
    locks = (profiles.get_folder() / "locks").glob("hook-*.lock")
    for path in [*_folder().glob("session-*.json"), *locks]:
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()


def load_last_run() -> LastRun | None:
    stored = _load(_folder() / "last.json")
    try:
        return LastRun(**stored) if stored else None
    except TypeError:
        return None


def save_last_run(run: LastRun) -> None:
    _save(_folder() / "last.json", asdict(run))


@contextlib.contextmanager
def lock_transcript(transcript: str) -> Iterator[None]:
    """Wait until no other process reads this transcript."""
    with profiles.lock_profile(f"hook-{_hash(transcript)}"):
        yield


def _get_position_path(transcript: str) -> Path:
    return _folder() / f"session-{_hash(transcript)}.json"


def _hash(transcript: str) -> str:
    return hashlib.sha256(transcript.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _folder() -> Path:
    return profiles.get_folder() / "hooks"


def _load(path: Path) -> dict[str, Any] | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stored if isinstance(stored, dict) else None


def _save(path: Path, values: dict[str, Any]) -> None:
    profiles.write_privately(path, json.dumps(values))
