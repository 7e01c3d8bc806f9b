"""The subcommand that sets up shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options.

    Add it to the start-up file of your shell, for example: eval "$(picard completion bash)"
    """
    root = ctx.find_root()
    name = root.info_name or "picard"
    completer = get_completion_class(shell)
    if completer is not None:
        click.echo(completer(root.command, {}, name, f"_{name.replace('-', '_').upper()}_COMPLETE").source())
