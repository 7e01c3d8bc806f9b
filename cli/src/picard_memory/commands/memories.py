"""Subcommands that write, list and change memories."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click

from picard_memory import pages
from picard_memory.commands.session import (
    UNREADABLE,
    Session,
    as_json,
    is_interactive,
    pass_session,
    read_stdin,
    write_json,
    write_memory_line,
    write_note,
    write_text,
)
from picard_memory.commands.times import Time
from picard_memory.errors import ExitCode, NotFoundError, PicardError

if TYPE_CHECKING:
    from picard_memory import BulkOperation, Memory, Outcome, PendingApproval, Picard

Function = TypeVar("Function", bound=Callable[..., Any])
DEFAULT_LIMIT = 25
MAX_PAGE = 100


def add_filters(function: Function) -> Function:
    """Add the options that select memories."""
    options = [
        click.option(
            "-t",
            "--tag",
            "tags_all",
            multiple=True,
            metavar="TAG",
            help="Only with this tag; repeatable.",
        ),
        click.option(
            "--any-tag", "tags_any", multiple=True, metavar="TAG", help="Only with one of these tags."
        ),
        click.option(
            "--visibility", type=click.Choice(["private", "public"]), help="Only private or public ones."
        ),
        click.option(
            "--since",
            type=Time(),
            help="Created at this time or later: 2026-01-31, or 7d for a week ago.",
        ),
        click.option("--until", type=Time(), help="Created before this time."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command(short_help="Save a memory.")
@click.argument("text", nargs=-1)
@click.option("-t", "--tag", "tags", multiple=True, help="A tag of the memory; repeatable.")
@click.option("--expires", type=Time(is_end=True), help="When it expires: 2027-01-31, or 30d.")
@click.option("--supersedes", metavar="ID", help="The older memory that this one replaces.")
@click.option("--public", is_flag=True, help="Make it public (needs memories:publish).")
@click.option("--pin", is_flag=True, help="Pin it, so that it comes first in the context.")
@click.option("--once", is_flag=True, help="If the same text is saved already, add the tags to it instead.")
@click.option("--lines", is_flag=True, help="Save each line of standard input as a separate memory.")
@as_json
@pass_session
def add(
    session: Session,
    text: tuple[str, ...],
    tags: tuple[str, ...],
    expires: datetime | None,
    supersedes: str | None,
    public: bool,
    pin: bool,
    once: bool,
    lines: bool,
    as_json: bool,
) -> None:
    """Save TEXT as a memory, and print its ID.

    - reads the text from standard input: git log -5 | picard add -
    """
    content = _read_text(text)
    if lines:
        if supersedes or once or pin:
            raise click.UsageError("--lines goes with --tag, --expires and --public only.")
        _add_lines(session, content, tags, expires, is_public=public, as_json=as_json)
        return
    with session.open_client() as picard:
        result = picard.add(
            content,
            tags=tags,
            visibility="public" if public else None,
            expires_at=expires,
            supersedes=supersedes,
            pinned=pin or None,
            on_duplicate="return" if once else None,
        )
        _write_result(picard, result, as_json=as_json)


@click.command("list", short_help="List memories.")
@add_filters
@click.option("--pinned", is_flag=True, help="Only pinned ones.")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True, help="How many."
)
@click.option("--all", "is_all", is_flag=True, help="List all of them.")
@as_json
@pass_session
def list_memories(
    session: Session, /, limit: int, is_all: bool, pinned: bool, as_json: bool, **filters: Any
) -> None:
    """List memories, newest first; with --json one object a line."""
    with session.open_client() as picard:
        page_size = MAX_PAGE if is_all else min(limit, MAX_PAGE)
        memories = picard.iter_memories(pinned=pinned or None, page_size=page_size, **filters)
        count = 0
        for count, memory in enumerate(memories if is_all else islice(memories, limit), 1):  # noqa: B007
            write_json(memory) if as_json else write_memory_line(memory)
    if count == limit and not is_all and is_interactive():
        write_note(f"The newest {limit}. For more: --limit, --all.")


@click.command(short_help="Print a memory.")
@click.argument("memory_id", metavar="ID")
@as_json
@pass_session
def show(session: Session, memory_id: str, as_json: bool) -> None:
    """Print a memory with its whole text."""
    with session.open_client() as picard:
        memory = picard.get(memory_id)
    if as_json:
        write_json(memory)
        return
    write_text(UNREADABLE if memory.text is None else memory.text)
    facts = [
        ("tags", ", ".join(memory.tags)),
        ("visibility", memory.visibility),
        ("pinned", "yes" if memory.pinned else ""),
        ("created", f"{memory.created_at.astimezone():%Y-%m-%d %H:%M}"),
        ("expires", f"{memory.expires_at.astimezone():%Y-%m-%d %H:%M}" if memory.expires_at else ""),
        ("replaces", memory.supersedes or ""),
        ("replaced by", memory.superseded_by or ""),
        ("source", memory.source),
    ]
    write_note("\n".join(f"{name}: {value}" for name, value in facts if value))


@click.command(short_help="Change a memory.")
@click.argument("memory_id", metavar="ID")
@click.argument("text", nargs=-1)
@click.option("-t", "--tag", "added", multiple=True, help="Add this tag; repeatable.")
@click.option("--untag", "removed", multiple=True, metavar="TAG", help="Remove this tag; repeatable.")
@click.option("--expires", type=Time(is_end=True), help="When it expires: 2027-01-31, or 30d.")
@click.option("--no-expiry", is_flag=True, help="It never expires.")
@click.option("--supersedes", metavar="ID", help="The older memory that this one replaces.")
@click.option("--visibility", type=click.Choice(["private", "public"]), help="Who may see it.")
@click.option("--pin/--unpin", default=None, help="Whether it comes first in the context.")
@as_json
@pass_session
def edit(
    session: Session,
    memory_id: str,
    text: tuple[str, ...],
    added: tuple[str, ...],
    removed: tuple[str, ...],
    expires: datetime | None,
    no_expiry: bool,
    supersedes: str | None,
    visibility: str | None,
    pin: bool | None,
    as_json: bool,
) -> None:
    """Change a memory: its text to TEXT (- for standard input), or what the options say.

    Without either, the text opens in your editor.
    """
    from picard_memory import UNSET

    has_options = any([added, removed, expires, no_expiry, supersedes, visibility, pin is not None])
    with session.open_client() as picard:
        memory = picard.get(memory_id)
        content = _read_text(text) if text else None if has_options else _edit_text(memory)
        if content is None and not has_options:
            write_note("Nothing changed.")
            return
        result = picard.edit(
            memory_id,
            text=content,
            tags=_change_tags(memory.tags, added, removed) if added or removed else None,
            expires_at=None if no_expiry else expires or UNSET,
            supersedes=supersedes or UNSET,
            visibility=visibility,
            pinned=pin,
            if_version=memory.version,
        )
        _write_result(picard, result, as_json=as_json)


@click.command("rm", short_help="Move memories to the trash.")
@click.argument("memory_ids", metavar="ID...", nargs=-1, required=True)
@pass_session
def remove(session: Session, memory_ids: tuple[str, ...]) -> None:
    """Move memories to the trash, where you can restore them on the website."""
    with session.open_client() as picard:
        missing = [memory_id for memory_id in memory_ids if not _move_to_trash(picard, memory_id)]
    if missing:
        write_note(f"picard: not found: {', '.join(missing)}")
        sys.exit(ExitCode.NOT_FOUND)


def _move_to_trash(picard: Picard, memory_id: str) -> bool:
    try:
        picard.trash(memory_id)
    except NotFoundError:
        return False
    return True


def _read_text(words: tuple[str, ...]) -> str:
    """Return the text of the arguments, or of standard input."""
    if words not in ((), ("-",)):
        return " ".join(words)
    if not words and sys.stdin.isatty():
        raise click.UsageError("Pass a text, or - for standard input.")
    return read_stdin().strip("\n")


def _edit_text(memory: Memory) -> str | None:
    """Return the text as the user left it in their editor, None if unchanged."""
    if memory.text is None:
        raise PicardError("The server cannot decrypt this memory.")
    if not sys.stdin.isatty():
        raise click.UsageError("Pass a text, - for standard input, or an option.")
    edited = click.edit(memory.text)
    return None if edited is None or edited.strip() == memory.text.strip() else edited.strip("\n")


def _change_tags(current: Iterable[str], added: Iterable[str], removed: Iterable[str]) -> list[str]:
    from picard_memory.requests import fold_tag

    gone = {fold_tag(name) for name in removed}
    return [name for name in [*current, *added] if fold_tag(name) not in gone]


def _add_lines(
    session: Session,
    content: str,
    tags: tuple[str, ...],
    expires: datetime | None,
    *,
    is_public: bool,
    as_json: bool,
) -> None:
    operations: list[BulkOperation] = []
    for line in filter(str.strip, content.splitlines()):
        operation: BulkOperation = {"op": "create", "text": line.strip(), "tags": list(tags)}
        if expires is not None:
            operation["expires_at"] = expires.isoformat()
        if is_public:
            operation["visibility"] = "public"
        operations.append(operation)
    with session.open_client() as picard:
        outcomes = picard.change_many(operations)
        pending = [outcome.waiting for outcome in outcomes if outcome.waiting is not None]
        for operation, outcome in zip(operations, outcomes, strict=True):
            _write_outcome(operation["text"], outcome, as_json=as_json)
        if pending:
            write_note(f"{len(pending)} need your approval: {picard.url}{pages.REVIEW}")
    if any(outcome.problem for outcome in outcomes):
        sys.exit(ExitCode.ERROR)


def _write_outcome(text: str, outcome: Outcome, *, as_json: bool) -> None:
    if outcome.problem is not None:
        details = " ".join(each.detail for each in outcome.problem.errors) or outcome.problem.detail
        write_note(f"picard: {details} ({text[:60]})")
    if as_json:
        write_json(outcome)
    elif outcome.memory is not None:
        write_text(outcome.memory.id)
    elif outcome.waiting is not None:
        write_text("\n".join(outcome.waiting.proposals))


def _write_result(picard: Picard, result: Memory | PendingApproval, *, as_json: bool) -> None:
    """Print the ID of a memory or, if it needs approval, of its proposal: an approved new memory has the same."""
    from picard_memory import Memory

    if as_json:
        write_json(result)
    elif isinstance(result, Memory):
        write_text(result.id)
    else:
        write_text("\n".join(result.proposals))
    if not isinstance(result, Memory):
        write_note(f"This needs your approval: {picard.url}{pages.REVIEW}")
