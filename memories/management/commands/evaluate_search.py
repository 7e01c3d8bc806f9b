import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from memories.evaluation import DEPTHS, Row, evaluate
from memories.locomo import Conversation, read_conversations
from memories.persona_evaluation import Share, answered_shares
from picard.benchmarks import home

HEADING = f"{'memories':<13}{'neighbours':<12}{'arm':<9}{'category':<13}{'n':>5}" + "".join(
    f"{heading:>8}" for heading in (*(f"R@{depth}" for depth in DEPTHS), "MRR", "answer")
)

PERSONA_HEADING = (
    f"{'memories':<13}{'conversation':<14}{'questions':<13}{'n':>5}{'answer':>8}{'refuse':>8}"
    f"{'held out at':>13}{'answer':>8}{'refuse':>8}"
)


class Command(BaseCommand):
    help = (
        "Measure how well the search finds, on conversations in LoCoMo's shape. Everything happens in transactions "
        "that are rolled back, so it may run beside a live server; nothing stays in the database. Where Picard was "
        "never started, a database is made for it and thrown away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="the conversations (JSON)")
        parser.add_argument("--json", type=Path, help="write the figures to this file too")
        parser.add_argument(
            "--persona", action="store_true", help="instead: what a persona answers and refuses"
        )

    def handle(self, *_: Any, data: Path, json: Path | None, persona: bool, **__: Any) -> None:
        conversations = _read(data)
        if home.is_ours():
            call_command("migrate", interactive=False, verbosity=0)
        elif home.is_needed():
            sys.exit(_run_apart(data, json, persona))
        rows: list[Row | Share] = []
        if persona:
            self.stdout.write(PERSONA_HEADING)
            for share in answered_shares(conversations):
                rows.append(share)
                self.stdout.write(_persona_line(share))
        else:
            self._evaluate(conversations, rows)
        if json:
            _write(json, rows)

    def _evaluate(self, conversations: list[Conversation], rows: list[Row | Share]) -> None:
        self.stdout.write(HEADING)
        for row in evaluate(conversations, say=self._say):
            rows.append(row)
            self.stdout.write(_line(row))

    def _say(self, what: str) -> None:
        self.stderr.write(what)


def _run_apart(data: Path, json: Path | None, persona: bool) -> int:
    arguments = ["evaluate_search", "--data", str(data.absolute()), *(["--persona"] if persona else [])]
    if json:
        arguments += ["--json", str(json.absolute())]
    return home.run_in_a_home(arguments, {}, keep=False)[0]


def _read(path: Path) -> list[Conversation]:
    try:
        return read_conversations(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{path} holds no conversations in LoCoMo's shape: {error!r}") from error


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
