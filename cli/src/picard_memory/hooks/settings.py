"""Install hooks into an agent's settings and remove them: only what is ours changes in the file."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from picard_memory.errors import ConfigurationError
from picard_memory.hooks.agents import Agent
from picard_memory.hooks.json_text import (
    Edit,
    Node,
    apply_edits,
    count_trailing_commas,
    delete_items,
    find_newline,
    insert_item,
    is_blank,
    parse_text,
)
from picard_memory.hooks.records import InstallRecord, delete_record, load_record, save_record

# Our hooks are known by what they call, wherever the program is: settings are copied between computers.
OWN_COMMAND = re.compile(r"picard(?:[_-]memory)?\b.*\bhook run\b")
HOOKS = "hooks"


def build_command(profile: str | None, *, marked_only: bool = False) -> str:
    """Return the command line of the hooks for the shell of an agent."""
    words = build_words(profile, marked_only=marked_only)
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def build_words(profile: str | None, *, marked_only: bool = False) -> list[str]:
    """Return the words of the command, with the full path of this program: hooks run with any PATH."""
    beside = Path(sys.executable).with_name("picard-memory.exe" if os.name == "nt" else "picard-memory")
    program = str(beside) if beside.exists() else shutil.which("picard-memory")
    words = [program] if program else [sys.executable, "-m", "picard_memory"]
    words += ["--profile", profile] if profile else []
    return [*words, "hook", "run", *(["--marked-only"] if marked_only else [])]


def install_hooks(agent: Agent, command: str) -> bool:
    """Add the hooks, in place of earlier ones of ours. Return whether the file changed. Raises ConfigurationError."""
    path = _resolve(agent)
    text = _read(path)
    present = _find_commands(path, text)
    if present == [command] * len(agent.events):
        return False
    if present:
        uninstall_hooks(agent)
        text = _read(path)
    groups = agent.build_groups(command)
    if text is None or is_blank(text):
        new = f"{text or ''}{json.dumps({HOOKS: {event: [group] for event, group in groups.items()}}, indent=2)}\n"
        record = InstallRecord(is_new=text is None, original=text, pieces=[new], containers=[HOOKS, *groups])
    else:
        edits, containers = _plan_insertion(path, text, groups)
        new = apply_edits(text, edits)
        record = InstallRecord(
            is_new=False, original=None, pieces=[edit.text for edit in edits], containers=containers
        )
    _parse(path, new)
    save_record(agent.name, record)
    _write(path, new)
    return True


def uninstall_hooks(agent: Agent) -> bool:
    """Remove the hooks, also if others have changed the file since. Return whether there were any.

    Raises ConfigurationError.
    """
    path = _resolve(agent)
    text = _read(path)
    record = load_record(agent.name)
    if text is None or not _find_commands(path, text):
        delete_record(agent.name)
        return False
    is_unchanged = record is not None and record.pieces == [text]
    new = (record.original or "") if record and is_unchanged else _cut_pieces(path, text, record)
    if new is None:
        new = _remove_groups(path, text, record)
    if record and record.is_new and (is_unchanged or not _parse(path, new).items):
        path.unlink()
    else:
        _write(path, new)
    delete_record(agent.name)
    return True


def list_commands(agent: Agent) -> list[str]:
    """Return the commands of our hooks in the agent's settings. Raises ConfigurationError."""
    path = _resolve(agent)
    return _find_commands(path, _read(path))


def _find_commands(path: Path, text: str | None) -> list[str]:
    if is_blank(text):
        return []
    commands = (handler.get("command") for _handlers, handler in _iter_own(_parse(path, text or "")))
    return [str(command.value) for command in commands if command]


def _iter_own(root: Node) -> Iterator[tuple[Node, Node]]:
    """Yield the list and the handler in it, of each of our hooks."""
    hooks = root.get(HOOKS)
    for event in hooks.items if hooks else ():
        for group in event.items:
            handlers = group.get(HOOKS)
            for handler in handlers.items if handlers else ():
                command = handler.get("command")
                if command and isinstance(command.value, str) and OWN_COMMAND.search(command.value):
                    yield handlers or event, handler


def _plan_insertion(
    path: Path, text: str, groups: dict[str, dict[str, object]]
) -> tuple[list[Edit], list[str]]:
    """Return the edits, and which containers they create: "hooks" or events."""
    root = _parse(path, text)
    hooks = root.get(HOOKS)
    if hooks is None:
        content = {event: [group] for event, group in groups.items()}
        return [insert_item(text, root, content, key=HOOKS)], [HOOKS, *groups]
    if hooks.kind != "object":
        raise ConfigurationError(f"{path}: “hooks” is not an object. Nothing was changed.")
    missing = {event: [group] for event, group in groups.items() if hooks.get(event) is None}
    edits = []
    for event, group in groups.items():
        if (array := hooks.get(event)) is not None:
            if array.kind != "array":
                raise ConfigurationError(f"{path}: “hooks.{event}” is not a list. Nothing was changed.")
            edits.append(insert_item(text, array, group))
    if missing:
        edits.append(_insert_members(text, hooks, missing))
    return edits, list(missing)


def _insert_members(text: str, hooks: Node, members: dict[str, list[dict[str, object]]]) -> Edit:
    """Return one edit that adds all these members."""
    pieces = [insert_item(text, hooks, content, key=key) for key, content in members.items()]
    first = pieces[0]
    if hooks.items:
        return Edit(first.start, first.end, "".join(piece.text for piece in pieces))
    newline = find_newline(text)
    tail = first.text[first.text.rfind(newline) :]
    body = ",".join(piece.text.removesuffix(tail) for piece in pieces)
    return Edit(first.start, first.end, body + tail)


def _cut_pieces(path: Path, text: str, record: InstallRecord | None) -> str | None:
    """Return the text without exactly what was inserted; None if somebody changed that, or a comma after it is left."""
    if record is None or not record.pieces:
        return None
    new = text
    for piece in record.pieces:
        if new.count(piece) != 1:
            return None
        new = new.replace(piece, "")
    try:
        left = count_trailing_commas(parse_text(new)) - count_trailing_commas(parse_text(text))
    except ValueError:
        return None
    return None if left > 0 or _find_commands(path, new) else new


def _remove_groups(path: Path, text: str, record: InstallRecord | None) -> str:
    """Return the text without our hooks, and without what contained nothing else and was not there before."""
    while own := next(_iter_own(_parse(path, text)), None):
        handlers, handler = own
        text = apply_edits(text, list(delete_items(text, handlers, [handler])))
        text = _prune(path, text, record)
    return text


def _prune(path: Path, text: str, record: InstallRecord | None) -> str:
    """Remove groups without hooks, and the events and "hooks" that are empty now, if they are ours."""
    created = None if record is None else set(record.containers)
    root = _parse(path, text)
    hooks = root.get(HOOKS)
    if hooks is None:
        return text
    for event in hooks.items:
        for group in event.items if event.kind == "array" else ():
            handlers = group.get(HOOKS) if group.kind == "object" else None
            if handlers and not handlers.items and len(group.items) == 1:
                return _prune(path, apply_edits(text, list(delete_items(text, event, [group]))), record)
        if event.kind == "array" and not event.items and (created is None or event.key in created):
            return _prune(path, apply_edits(text, list(delete_items(text, hooks, [event]))), record)
    if not hooks.items and (created is None or HOOKS in created):
        return apply_edits(text, list(delete_items(text, root, [hooks])))
    return text


def _parse(path: Path, text: str) -> Node:
    try:
        root = parse_text(text)
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid JSON ({error}). Nothing was changed.") from None
    if root.kind != "object":
        raise ConfigurationError(f"{path} is not a JSON object. Nothing was changed.")
    return root


def _resolve(agent: Agent) -> Path:
    """Return the file itself: settings are often links into a folder of dotfiles."""
    return agent.path.resolve()


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 encoded. Nothing was changed.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole, with its mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None
