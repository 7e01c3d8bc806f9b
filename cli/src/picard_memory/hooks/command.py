"""`picard hook`: let a coding agent know the user's context, and capture its conversations for review."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from picard_memory.commands.session import Session, pass_session, write_note, write_text
from picard_memory.errors import PicardError
from picard_memory.hooks import capture, records, settings
from picard_memory.hooks.agents import AGENTS

if TYPE_CHECKING:
    from picard_memory import Picard

agent_argument = click.argument("agent", type=click.Choice(list(AGENTS)))
marked_option = click.option(
    "--marked-only",
    is_flag=True,
    help="Capture only lines that begin with “remember:”; no chat model reads the rest.",
)


@click.group()
def hook() -> None:
    """Let a coding agent know your context, and capture its conversations.

    What is captured waits on the Review page of your server until you approve it.
    """


@hook.command()
@agent_argument
@marked_option
@pass_session
def install(session: Session, agent: str, marked_only: bool) -> None:
    """Add the hooks to the settings of an agent."""
    found = AGENTS[agent]
    is_changed = settings.install_hooks(
        found, settings.build_command(session.profile, marked_only=marked_only)
    )
    write_text(
        f"{found.title}: {'hooks added to' if is_changed else 'the hooks are already in'} {found.path}"
    )
    if found.note:
        write_note(found.note)
    with contextlib.suppress(PicardError):
        session.open_client().close()
        return
    write_note("You are not logged in, so the hooks do nothing yet. Log in: picard login URL")


@hook.command()
@agent_argument
def uninstall(agent: str) -> None:
    """Remove the hooks from the settings of an agent, and leave everything else as it is."""
    found = AGENTS[agent]
    is_changed = settings.uninstall_hooks(found)
    write_text(
        f"{found.title}: {'hooks removed from' if is_changed else 'there are no hooks in'} {found.path}"
    )


@hook.command()
@click.argument("agent", type=click.Choice(list(AGENTS)), required=False)
def status(agent: str | None) -> None:
    """Show where the hooks are installed, and how the last capture went."""
    for name in [agent] if agent else AGENTS:
        found = AGENTS[name]
        count = len(settings.list_commands(found))
        missing = len(found.events) - count
        state = (
            "not installed" if not count else "installed" if missing <= 0 else f"{missing} hooks are missing"
        )
        write_text(f"{found.title}: {state} ({found.path})")
    last = records.load_last_run()
    if last is None:
        write_text("Nothing was captured yet.")
    else:
        write_text(
            f"Last capture: {last.at}, {last.found} found" + (f". Error: {last.error}" if last.error else "")
        )


@hook.command()
@marked_option
@click.option("--max-tokens", default=800, show_default=True, help="Length of the context.")
@click.option("--wait", is_flag=True, help="Wait until the conversation is captured, and show errors.")
@pass_session
def run(session: Session, marked_only: bool, max_tokens: int, wait: bool) -> None:
    """Handle an event of an agent. Agents call this, with JSON on standard input.

    It prints nothing but the context and always succeeds, so that no agent is disturbed.
    """
    try:
        with capture.limit_time(capture.CAPTURE_S if wait else capture.CONTEXT_S + 2):
            content = sys.stdin.buffer.read(capture.MAX_INPUT)
            hook_input = capture.parse_input(content)
            if hook_input.event in capture.CAPTURE_EVENTS and not wait:
                words = settings.build_words(session.profile, marked_only=marked_only)
                capture.start_capture(content, [*words, "--wait"])
            else:
                _handle(session, hook_input, marked_only=marked_only, max_tokens=max_tokens)
    except Exception:  # whatever it is, it is not the agent's trouble
        if wait:
            raise


def _handle(session: Session, hook_input: capture.HookInput, *, marked_only: bool, max_tokens: int) -> None:
    def open_client(seconds: float) -> Picard:
        return session.open_client(timeout=seconds, max_retry_wait=seconds)

    if hook_input.event == capture.SESSION_START:
        if output := capture.fetch_context(hook_input, open_client, max_tokens):
            click.echo(output)
    elif hook_input.event in capture.CAPTURE_EVENTS:
        capture.capture_turns(hook_input, open_client, marked_only=marked_only)
