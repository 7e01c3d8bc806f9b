"""The command `picard`: a group that imports a subcommand when it is used, so that each call starts fast."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

import click

from picard_memory.errors import PicardError

# Subcommand: module and name of its click.Command; in the order of `picard --help`.
COMMANDS: dict[str, tuple[str, str]] = {}


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("picard-memory"), message="picard-memory %(version)s")
@click.option("--profile", envvar="PICARD_PROFILE", help="Log-in to use, if there are several (picard status).")
@click.pass_context
def picard(ctx: click.Context, profile: str | None) -> None:
    """Read and write memories on a Picard server."""
    ctx.obj = profile


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with one of `ExitCode`."""
    try:
        picard.main(arguments, prog_name="picard")
    except PicardError as error:
        click.echo(f"picard: {error}", err=True)
        sys.exit(error.exit_code)
