"""Sessions of coding agents: Claude Code and Codex, and the prompts in their histories.

Shape: from public descriptions up to 2026. Both write JSON Lines. A line of Claude Code has a `type` and a `message`
with `role` and `content`; one of Codex has a `type` and a `payload`. Much of what has the user's role was written by
the program: the results of tools, the output of commands, and instructions in tags. Histories have `display` or `text`.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from memories.portability.files.json_stream import JsonShape, iterate_lines
from memories.portability.files.parts import Part
from memories.portability.readers.chats.conversations import (
    Author,
    Turn,
    as_object,
    as_text,
    get_id,
    pick_values,
    read_turns,
)
from memories.portability.readers.chats.role_lists import join_content
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.times import pick_time

# How a text begins that the program wrote in the user's name.
PROGRAM_STARTS = (
    "<command-", "<local-command", "<bash-", "<environment_context", "<user_instructions", "<permissions",
    "<turn_aborted", "<task-notification", "<skill", "<INSTRUCTIONS", "# AGENTS.md instructions",
    "[Request interrupted",
    "Caveat: The messages below", "This session is being continued from a previous conversation",
)  # fmt: skip
REMINDER = re.compile(r"<system-reminder>[^<]*(?:<(?!/?system-reminder>)[^<]*)*</system-reminder>")
AUTHORS = {"user": Author.PERSON, "assistant": Author.ASSISTANT}


def _is_claude_code(shape: JsonShape) -> bool:
    return shape.has("type", "message") and (shape.has("sessionId") or shape.has("parentUuid"))


def _is_codex(shape: JsonShape) -> bool:
    return shape.has("type", "payload") and shape.has("timestamp")


def _is_history(shape: JsonShape) -> bool:
    return shape.has("display", "timestamp") or shape.has("session_id", "ts", "text")


def _is_session(start: PartStart) -> bool:
    shape = start.lines
    return _is_claude_code(shape) or _is_codex(shape) or _is_history(shape)


def _read_session(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    session = part.stem or part.name
    for position, value in enumerate(iterate_lines(part)):
        line = as_object(value)
        if isinstance(value, ValueError) or not line:
            yield SkippedEntry("not_json" if isinstance(value, ValueError) else "not_a_memory")
        elif "display" in line or ("text" in line and "session_id" in line):
            yield _read_prompt(line, context)
        elif "payload" in line:
            session = get_id(as_object(line["payload"]), ("id",), session) if _is_meta(line) else session
            yield from read_turns([_build_codex_turn(line)], context, session, first=position)
        else:
            session = get_id(line, ("sessionId",), session)
            yield from read_turns([_build_claude_turn(line)], context, session, first=position)


def _read_prompt(line: dict[str, object], context: ReadContext) -> ReadResult:
    """Read a line of a history, which has what the person typed."""
    text = as_text(line.get("display")) or as_text(line.get("text"))
    if not text or text.startswith("/"):
        return SkippedEntry("blank" if not text else "hidden")  # a command to the program
    created_at, notes = pick_time(pick_values(line, "timestamp", "ts"), context.zone)
    return ImportItem(text, created_at=created_at, notes=notes)


def _is_meta(line: dict[str, object]) -> bool:
    return line.get("type") == "session_meta"


def _build_claude_turn(line: dict[str, object]) -> Turn:
    author = AUTHORS.get(as_text(line.get("type")))
    if author is None:
        return Turn(reason="no_text")
    if line.get("isSidechain") is True:
        return Turn(reason="of_an_agent")
    if line.get("isMeta") is True or line.get("isCompactSummary") is True:
        return Turn(reason="hidden")
    text, has_files = join_content(as_object(line.get("message")).get("content"))
    return _build_turn(author, text, pick_values(line, "timestamp"), has_files=has_files)


def _build_codex_turn(line: dict[str, object]) -> Turn:
    """Read a message; the events that repeat it, thoughts and tools have no text of their own."""
    payload = as_object(line.get("payload"))
    role = as_text(payload.get("role"))
    if line.get("type") != "response_item" or payload.get("type") != "message":
        return Turn(reason="no_text")
    if role not in AUTHORS:
        return Turn(reason="hidden")
    text, has_files = join_content(payload.get("content"))
    return _build_turn(AUTHORS[role], text, pick_values(line, "timestamp"), has_files=has_files)


def _build_turn(author: Author, text: str, times: tuple[object, ...], *, has_files: bool) -> Turn:
    if "<system-reminder>" in text:
        text = REMINDER.sub("", text).strip()
    if author is Author.PERSON and text.startswith(PROGRAM_STARTS):
        return Turn(reason="hidden")
    return Turn(author, text, times, has_attachments=has_files)


AGENT_SESSION = Format("agent_session", _("Session of a coding agent"), _is_session, _read_session)
