"""The command `picard`: a group that imports a subcommand when it is used, so that each call starts fast."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from picard_memory.commands.session import Session, write_note
from picard_memory.errors import ExitCode, PicardError
from picard_memory.version import VERSION

NAMES = ("picard", "picard-memory")  # of the program; shell completion depends on it
# Subcommand: module and name of its click.Command; in the order of `picard --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "login": ("picard_memory.commands.access", "login"),
    "logout": ("picard_memory.commands.access", "logout"),
    "status": ("picard_memory.commands.access", "status"),
    "apps": ("picard_memory.commands.access", "apps"),
    "add": ("picard_memory.commands.memories", "add"),
    "list": ("picard_memory.commands.memories", "list_memories"),
    "show": ("picard_memory.commands.memories", "show"),
    "edit": ("picard_memory.commands.memories", "edit"),
    "rm": ("picard_memory.commands.memories", "remove"),
    "search": ("picard_memory.commands.questions", "search"),
    "ask": ("picard_memory.commands.questions", "ask"),
    "context": ("picard_memory.commands.questions", "context"),
    "import": ("picard_memory.commands.files", "import_files"),
    "export": ("picard_memory.commands.files", "export"),
    "hook": ("picard_memory.hooks.command", "hook"),
    "completion": ("picard_memory.commands.completion", "completion"),
}


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are used, and whose errors become exit codes."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PicardError as error:
            write_note(f"picard: {error}")
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            raise  # click ends quietly
        except OSError as error:  # of the folder of log-ins, or a full disk
            write_note(f"picard: {error}")
            ctx.exit(ExitCode.ERROR)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(VERSION, message="picard-memory %(version)s")
@click.option(
    "--profile",
    envvar="PICARD_PROFILE",
    metavar="NAME",
    help="Use this log-in instead of the last one (names: picard status).",
)
@click.pass_context
def picard(ctx: click.Context, profile: str | None) -> None:
    """Read and write memories on a Picard server.

    Exit codes: 0 success, 1 error, 2 wrong usage, 3 not found, 4 no access (not logged in, expired, revoked, paused,
    not allowed), 5 server unreachable.
    """
    ctx.obj = Session(profile or None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with one of `ExitCode`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe on Windows may lack characters that memories have
            stream.reconfigure(errors="replace")
    name = Path(sys.argv[0]).stem
    picard.main(arguments, prog_name=name if name in NAMES else NAMES[0])
