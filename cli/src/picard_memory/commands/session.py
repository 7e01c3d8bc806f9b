"""What subcommands share: the client of the log-in, and output for people or for programs."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from picard_memory.errors import PicardError

if TYPE_CHECKING:
    from picard_memory import Memory, Picard

# What a terminal obeys instead of showing it, and what reorders text: memories come from anywhere.
UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
UNREADABLE = "(cannot be decrypted)"
MIN_TEXT = 30  # characters of a memory in a list, however narrow the terminal is

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@dataclass(frozen=True)
class Session:
    """The options of the group. profile: name of a log-in, None for the current one."""

    profile: str | None = None

    def open_client(self, *, timeout: float = 60.0, max_retry_wait: float = 60.0) -> Picard:
        """Return a client; use it in `with`. Raises NotLoggedInError, ConfigurationError."""
        from picard_memory import Picard

        return Picard(profile=self.profile, timeout=timeout, max_retry_wait=max_retry_wait)


pass_session = click.make_pass_decorator(Session)


def write_text(text: str, *, to_stderr: bool = False) -> None:
    """Print text without what would control the terminal."""
    click.echo(UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n")), err=to_stderr)


def write_note(text: str) -> None:
    """Print to stderr what is for people only, so that pipes stay clean."""
    write_text(text, to_stderr=True)


def write_json(value: object) -> None:
    """Print a model, or a list of models, as one line of JSON; characters that the output lacks are escaped."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, default=_to_json, ensure_ascii=not is_utf8)
    click.echo(re.sub("[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", text))


def write_memory_line(memory: Memory, *, suffix: str = "") -> None:
    """Print a memory in one line: its ID, date, text and tags; shortened to the width of a terminal."""
    text = UNREADABLE if memory.text is None else " ".join(memory.text.split())
    start = f"{memory.id}  {memory.created_at.astimezone():%Y-%m-%d}  {'📌 ' if memory.pinned else ''}"
    end = "".join(f"  #{tag}" for tag in memory.tags) + suffix
    if sys.stdout.isatty():  # elsewhere the whole text, for grep
        space = max(shutil.get_terminal_size().columns - len(start) - len(end), MIN_TEXT)
        text = text if len(text) <= space else f"{text[: space - 1]}…"
    write_text(start + text + end)


def read_stdin() -> str:
    """Return the text of standard input. Raises PicardError if it is not UTF-8."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PicardError("Standard input is not UTF-8 text.") from None


def is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _to_json(value: Any) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
