"""What happens in a hook: an agent gets the user's context, or its conversation is sent for review.

A hook never disturbs the agent: it prints nothing but the context, takes a bounded time and ends with exit code 0.
What could not be sent is sent the next time, because a transcript is read from where the last successful one ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picard_memory.errors import InvalidRequestError, NoAccessError, PicardError
from picard_memory.hooks import records
from picard_memory.hooks.records import LastRun, Position
from picard_memory.hooks.redaction import remove_secrets
from picard_memory.hooks.transcripts import Turn, read_turns, render_turns

if TYPE_CHECKING:
    from picard_memory import Picard

OpenClient = Callable[[float], "Picard"]  # with so many seconds for each request

SESSION_START = "SessionStart"
CAPTURE_EVENTS = ("Stop", "PreCompact", "SessionEnd", "AfterAgent", "PreCompress")
CONTEXT_S = 8  # that an agent waits for the context at most
CAPTURE_S = 180  # that a capture takes at most, in the background
REQUEST_S = 90  # a chat model reads the conversation
CONVERSATION_CHARACTERS = 20_000  # the server's limit
MAX_INPUT = 10_000_000  # bytes on standard input
TOO_MANY, MODEL_NOT_ALLOWED = "too_many_waiting", "model_not_allowed"


@dataclass(frozen=True)
class HookInput:
    """What the agent says on standard input. transcript: its file, or the session if there is none."""

    event: str
    session: str
    transcript: Path | None

    @property
    def key(self) -> str:
        return str(self.transcript) if self.transcript else self.session


def parse_input(content: bytes) -> HookInput:
    """Return the input. Raises PicardError if it is none."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise PicardError("Standard input is not the JSON of a hook.")
    path = values.get("transcript_path")
    transcript = Path(path).expanduser() if isinstance(path, str) and path.strip() else None
    return HookInput(str(values.get("hook_event_name")), str(values.get("session_id")), transcript)


@contextlib.contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """End the process with exit code 0 if the block takes longer, whatever it is waiting for."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def fetch_context(hook: HookInput, open_client: OpenClient, max_tokens: int) -> str:
    """Return what to print for the agent, and remember where this session starts."""
    if records.load_position(hook.key) is None:
        # Not before now: a resumed conversation can be a copy of one that was sent.
        records.save_position(hook.key, Position(since=records.get_now()))
    with open_client(CONTEXT_S) as client:
        text = client.get_context(max_tokens).text.strip()
    if not text:
        return ""
    output = {"hookEventName": SESSION_START, "additionalContext": text}
    return json.dumps({"hookSpecificOutput": output})  # in ASCII, which the output has in every encoding


def start_capture(content: bytes, command: list[str]) -> None:
    """Run the command in the background with this standard input: the agent does not wait for it."""
    options: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        options = {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    process.returncode = 0  # nobody waits for it
    if process.stdin:
        process.stdin.write(content)
        process.stdin.close()


def capture_turns(hook: HookInput, open_client: OpenClient, *, marked_only: bool = False) -> None:
    """Send the new turns of the session, and record what became of them. Raises PicardError."""
    records.purge_positions()
    if hook.transcript is None:
        return
    with records.lock_transcript(hook.key):
        position = records.load_position(hook.key) or Position()
        found = 0
        try:
            try:
                part = read_turns(hook.transcript, position.offset, position.start_time)
            except FileNotFoundError:  # nothing was said
                return
            if not part.turns:
                records.save_position(hook.key, position.move_to(part.end))
                return
            with open_client(REQUEST_S) as client:
                for conversation in render_turns(_remove_secrets(part.turns), CONVERSATION_CHARACTERS):
                    if conversation.has_user:
                        found += _extract(client, conversation.text, marked_only=marked_only)
                    records.save_position(hook.key, position.move_to(conversation.end))
        except Exception as error:  # whatever it is: nobody else sees it
            records.save_last_run(LastRun(records.get_now(), found, str(error) or type(error).__name__))
            raise
        records.save_position(hook.key, position.move_to(part.end))
        records.save_last_run(LastRun(records.get_now(), found))


def _remove_secrets(turns: list[Turn]) -> list[Turn]:
    return [replace(turn, text=remove_secrets(turn.text)) for turn in turns]


def _extract(client: Picard, conversation: str, *, marked_only: bool) -> int:
    """Return how many proposals were made. Raises PicardError if the same could work later."""
    try:
        return len(client.extract(conversation, marked_only=marked_only).results)
    except NoAccessError as error:
        if error.code != MODEL_NOT_ALLOWED or marked_only:
            raise
        # The user has not allowed the chat model to read conversations.
        return _extract(client, conversation, marked_only=True)
    except InvalidRequestError as error:
        if any(each.code == TOO_MANY for each in error.errors):
            raise
        return 0  # the server can never take this part, and the others must not wait for it
