"""Subcommands that search, ask, and get the context."""

from __future__ import annotations

from typing import Any

import click

from picard_memory.commands.memories import add_filters
from picard_memory.commands.session import (
    Session,
    as_json,
    pass_session,
    write_json,
    write_memory_line,
    write_note,
    write_text,
)


@click.command(short_help="Search by words and meaning.")
@click.argument("query", nargs=-1, required=True)
@add_filters
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="How many.")
@as_json
@pass_session
def search(session: Session, /, query: tuple[str, ...], limit: int, as_json: bool, **filters: Any) -> None:
    """Search memories by words and meaning, best first."""
    with session.open_client() as picard:
        results = picard.search(" ".join(query), limit=limit, **filters)
    if as_json:
        write_json(results)
        return
    if results.corrected:
        write_note(f"Searched for: {results.corrected}")
    if results.degraded:
        write_note("Keyword matches only: the embedding provider is unavailable.")
    if not results:
        write_note("Nothing found.")
    for hit in results:
        write_memory_line(hit.memory, suffix=f"  ({hit.relevance})")


@click.command(short_help="Answer a question from your memories.")
@click.argument("question", nargs=-1, required=True)
@click.option("--persona", default="me", metavar="HANDLE", help="Ask another user's public memories.")
@as_json
@pass_session
def ask(session: Session, question: tuple[str, ...], persona: str, as_json: bool) -> None:
    """Ask a question, and print an answer from your memories."""
    with session.open_client(timeout=180) as picard:
        answer = picard.ask(" ".join(question), persona=persona.removeprefix("@"))
    if as_json:
        write_json(answer)
        return
    write_text(answer.text)
    for citation in answer.citations:
        quote = "" if answer.mode == "extractive" else f"  {citation.text}"  # that answer consists of quotes
        write_text(f"[{citation.number}] {citation.memory_id}{quote}")


@click.command(short_help="Print who you are, for a system prompt.")
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=800,
    show_default=True,
    help="Maximum length in tokens.",
)
@click.option("-q", "--query", help="What it is for, so that relevant memories come first.")
@as_json
@pass_session
def context(session: Session, max_tokens: int, query: str | None, as_json: bool) -> None:
    """Print who you are, as a text for the system prompt of a model."""
    with session.open_client() as picard:
        result = picard.get_context(max_tokens, query)
    if as_json:
        write_json(result)
    else:
        write_text(result.text)
