"""The turns of a conversation in an agent's transcript: what the user typed and the agent answered, nothing else.

Transcripts are JSON Lines that grow. Claude Code writes `message`, Codex `payload`, and Gemini CLI `content` or
`parts`. Results of tools, thoughts, and what the program wrote in the user's name are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

USER, ASSISTANT = "User", "Assistant"
MAX_BYTES = 2_000_000  # read at once; of longer transcripts, the end
MAX_TURN = 8_000  # characters: longer ones are mostly pasted files
# How a text begins that the program wrote in the user's name.
PROGRAM_STARTS = (
    "<command-", "<local-command", "<bash-", "<environment_context", "<user_instructions", "<permissions",
    "<turn_aborted", "<task-notification", "<skill", "<INSTRUCTIONS", "<session_context", "# AGENTS.md instructions",
    "[Request interrupted", "Caveat: The messages below", "This session is being continued from a previous",
)  # fmt: skip
PROGRAM_TAG = re.compile(
    r"<([a-z]+(?:[_-][a-z]+)+)[ >].*</\1>\s*\Z", re.DOTALL
)  # the whole text is in one tag
# What no server takes: null characters, and halves of emoji that a program cut in two.
INVALID = re.compile("[\x00\ud800-\udfff]")
REMINDER = re.compile(r"<(system-reminder|hook_context)>.*?</\1>", re.DOTALL)


@dataclass(frozen=True)
class Turn:
    """What somebody said. end: the position in the transcript after it, in bytes."""

    speaker: str
    text: str
    end: int = 0


@dataclass(frozen=True)
class Part:
    """New turns, and the position in bytes from which to read the next time."""

    turns: list[Turn]
    end: int


@dataclass(frozen=True)
class Conversation:
    """Turns as one text. end: the position in the transcript after the last of them, in bytes."""

    text: str
    end: int
    has_user: bool


def read_turns(path: Path, start: int, since: datetime | None = None) -> Part:
    """Return the turns of complete lines from `start` on, without lines that were written before `since`.

    A transcript that became shorter is another one, and read from its beginning. Raises OSError.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = start if start <= size else 0
        first = max(start, size - MAX_BYTES)
        file.seek(first)
        content = file.read(size - first)
    complete = content.rfind(b"\n") + 1
    lines = content[:complete].splitlines(keepends=True)
    turns: dict[tuple[object, str, str], Turn] = {}
    end = first
    for index, line in enumerate(lines):
        end += len(line)
        if index == 0 and first > start:  # only the end of a line
            continue
        for entry_id, speaker, text in _read_line(line, since):
            # Gemini CLI writes a message again when it has more to say of it.
            turns.setdefault((entry_id, speaker, text), Turn(speaker, text, end))
    return Part(list(turns.values()), end)


def render_turns(turns: list[Turn], limit: int) -> Iterator[Conversation]:
    """Yield conversations of at most `limit` characters.

    Lines after the first of a turn are indented, so that no text can begin a turn of somebody else.
    """
    texts: list[str] = []
    taken: list[Turn] = []
    for turn in turns:
        text = f"{turn.speaker}: " + _shorten(turn.text).replace("\n", "\n  ")
        if taken and sum(map(len, texts)) + len(texts) + len(text) > limit:
            yield _build_conversation(texts, taken)
            texts, taken = [], []
        texts.append(text[:limit])
        taken.append(turn)
    if taken:
        yield _build_conversation(texts, taken)


def _build_conversation(texts: list[str], turns: list[Turn]) -> Conversation:
    return Conversation("\n".join(texts), turns[-1].end, any(turn.speaker == USER for turn in turns))


def clean_text(text: str) -> str:
    """Return what a person or the agent wrote; empty if the program did."""
    text = REMINDER.sub("", INVALID.sub("\ufffd", text)).strip()
    is_program = text.startswith(PROGRAM_STARTS) or PROGRAM_TAG.match(text)
    return "" if is_program else "\n".join(text.splitlines())


def _shorten(text: str) -> str:
    if len(text) <= MAX_TURN:
        return text
    half = MAX_TURN // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"


def _read_line(line: bytes, since: datetime | None) -> Iterator[tuple[object, str, str]]:
    """Yield the ID, the speaker and the text of a line, if it is a turn."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(entry, dict) or _is_older(entry.get("timestamp"), since):
        return
    if "payload" in entry:
        speaker, text = _read_codex(entry)
    elif "message" in entry:
        speaker, text = _read_claude(entry)
    else:
        speaker, text = _read_gemini(entry)
    if speaker and (cleaned := clean_text(text)):
        yield str(entry.get("uuid") or entry.get("id") or line), speaker, cleaned


def _is_older(timestamp: object, since: datetime | None) -> bool:
    if since is None or not isinstance(timestamp, str):
        return False
    try:
        moment = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
        return moment < since
    except (ValueError, TypeError):
        return False


def _read_claude(entry: dict[str, Any]) -> tuple[str | None, str]:
    message = entry["message"]
    if any(entry.get(mark) for mark in ("isMeta", "isSidechain", "isCompactSummary")) or not isinstance(
        message, dict
    ):
        return None, ""
    speaker = {"user": USER, "assistant": ASSISTANT}.get(str(entry.get("type")))
    return speaker, _join_texts(message.get("content"))


def _read_codex(entry: dict[str, Any]) -> tuple[str | None, str]:
    payload = entry["payload"]
    if (
        entry.get("type") != "response_item"
        or not isinstance(payload, dict)
        or payload.get("type") != "message"
    ):
        return None, ""
    speaker = {"user": USER, "assistant": ASSISTANT}.get(str(payload.get("role")))
    return speaker, _join_texts(payload.get("content"))


def _read_gemini(entry: dict[str, Any]) -> tuple[str | None, str]:
    speaker = {"user": USER, "gemini": ASSISTANT, "model": ASSISTANT}.get(str(entry.get("type")))
    return speaker, _join_texts(entry.get("content"))


def _join_texts(content: object) -> str:
    """Return the text of a content: a string, or parts of which some have a text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        clean_text(part["text"])
        for part in parts
        if isinstance(part, dict)
        and isinstance(part.get("text"), str)
        and part.get("type", "text") in ("text", "input_text", "output_text")
        and not part.get("thought")
    ]
    return "\n\n".join(filter(None, texts))
