"""`python -m benchmarks quality`: tables of how well the search finds, and of what a persona answers."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from django.core.management import call_command

from benchmarks import home
from benchmarks.quality.locomo import Conversation, read_conversations
from benchmarks.quality.persona import Share, answered_shares
from benchmarks.quality.retrieval import DEPTHS, Row, evaluate

HEADING = f"{'memories':<13}{'neighbours':<12}{'arm':<9}{'category':<13}{'n':>5}" + "".join(
    f"{heading:>8}" for heading in (*(f"R@{depth}" for depth in DEPTHS), "MRR", "answer")
)

PERSONA_HEADING = (
    f"{'memories':<13}{'conversation':<14}{'questions':<13}{'n':>5}{'answer':>8}{'refuse':>8}"
    f"{'held out at':>13}{'answer':>8}{'refuse':>8}"
)


def measure_quality(data: Path, json_file: Path | None, *, is_persona: bool) -> int:
    """Print how well the search finds, or what a persona answers and refuses; return the exit code.

    Everything happens in transactions that are rolled back, so it may run beside a live server; nothing stays in the
    database. Where Picard was never started, a database is made for it and thrown away.
    """
    try:
        conversations = read_conversations(data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _say(f"{data} holds no conversations in LoCoMo's shape: {error!r}")
        return 1
    if home.is_ours():
        call_command("migrate", interactive=False, verbosity=0)
    elif home.is_needed():
        return _run_apart(data, json_file, is_persona=is_persona)
    rows = list(_measure_persona(conversations) if is_persona else _measure_search(conversations))
    if json_file:
        _write(json_file, rows)
    return 0


def _measure_search(conversations: list[Conversation]) -> Iterator[Row | Share]:
    print(HEADING)  # noqa: T201
    for row in evaluate(conversations, say=_say):
        print(_line(row))  # noqa: T201
        yield row


def _measure_persona(conversations: list[Conversation]) -> Iterator[Row | Share]:
    print(PERSONA_HEADING)  # noqa: T201
    for share in answered_shares(conversations):
        print(_persona_line(share))  # noqa: T201
        yield share


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _run_apart(data: Path, json_file: Path | None, *, is_persona: bool) -> int:
    arguments = ["quality", "--data", str(data.absolute()), *(["--persona"] if is_persona else [])]
    if json_file:
        arguments += ["--json", str(json_file.absolute())]
    return home.run_in_a_home(arguments, {}, keep=False)[0]


def _write(path: Path, rows: list[Row | Share]) -> None:
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def _line(row: Row) -> str:
    figures = [*row.recall.values(), row.mrr, row.answered]
    neighbours = "with" if row.with_neighbours else "without"
    return f"{row.memories:<13}{neighbours:<12}{row.arm:<9}{row.category:<13}{row.questions:>5}" + "".join(
        f"{figure:>8.3f}" for figure in figures
    )


def _persona_line(share: Share) -> str:
    counted = f"{share.memories:<13}{share.conversation:<14}{share.kind:<13}{share.questions:>5}"
    shipped = f"{share.answered:>8.3f}{1 - share.answered:>8.3f}"
    held_out = f"{share.calibrated:>13.3f}{share.answered_by_it:>8.3f}{1 - share.answered_by_it:>8.3f}"
    return f"{counted}{shipped}{held_out}"
