"""`python -m benchmarks quality`: evaluate search and persona answers, printed as tables."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from django.core.management import call_command

from benchmarks import home
from benchmarks.quality import natural
from benchmarks.quality.locomo import Conversation, read_conversations
from benchmarks.quality.natural import SetRow
from benchmarks.quality.persona import AnswerShare, SetShare, measure_answer_shares, measure_sets
from benchmarks.quality.persona_model import ModelShare, measure_model_sets
from benchmarks.quality.retrieval import DEPTHS, ResultRow, evaluate_search
from benchmarks.quality.typing_errors import misspell_set
from benchmarks.quality.updates import UpdateRow, evaluate_updates, read_update_sets
from core.languages import ENGLISH

HEADING = f"{'memories':<13}{'neighbours':<12}{'arm':<9}{'category':<13}{'n':>5}" + "".join(
    f"{heading:>8}" for heading in (*(f"R@{depth}" for depth in DEPTHS), "MRR", "answer")
)

PERSONA_HEADING = (
    f"{'memories':<13}{'conversation':<14}{'questions':<13}{'n':>5}{'answer':>8}{'refuse':>8}"
    f"{'held out at':>13}{'answer':>8}{'refuse':>8}"
)
PERSONA_SETS_HEADING = (
    f"{'set':<17}{'n':>5}{'answer':>8}{'right':>8}{'shown':>8}{'others':>8}{'refuse':>8}{'none near':>11}"
)

SETS_HEADING = f"{'set':<17}{'arm':<9}{'asked by':<10}{'n':>5}" + "".join(
    f"{heading:>8}" for heading in (*(f"R@{depth}" for depth in natural.DEPTHS), "MRR")
)

MODEL_HEADING = (
    f"{'chat model':<17}{'rewriting':<11}{'n':>5}{'answer':>8}{'right':>8}{'others':>8}{'refuse':>8}"
)

KEPT_VARIABLES = ("SEARCH_LANGUAGE", "EMBEDDING_DIMENSIONS")  # in a temporary home, which drops them else

UPDATES_HEADING = (
    f"{'updates':<17}{'n':>5}{'unlinked':>10}{'first':>8}{'present':>9}{'past':>8}{'dated':>8}{'suggest':>9}"
    f"{'others':>8}{'suggest':>9}{'near':>8}"
)

QualityRow = ResultRow | AnswerShare | SetRow | SetShare | ModelShare | UpdateRow


def measure_quality(
    data: Path | None, json_file: Path | None, *, is_persona: bool, language: str = ""
) -> int:
    """Evaluate search, or the questions a persona answers and refuses; return the exit code.

    Without data, this project's own sets are used. language: the code of the users' language, by default that of each
    set, and SEARCH_LANGUAGE for data. All writes are rolled back, so this can run beside a
    live server. If Picard was never started, it uses a temporary database.
    """
    try:
        conversations = read_conversations(data) if data else []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log_progress(f"{data} contains no conversations in the LoCoMo format: {error!r}")
        return 1
    if home.is_benchmark_home():
        call_command("migrate", interactive=False, verbosity=0)
    elif home.is_home_needed():
        return _run_in_temporary_home(data, json_file, is_persona=is_persona, language=language)
    if is_persona:
        rows = list(
            _measure_persona(conversations, language) if conversations else _measure_persona_sets(language)
        )
    else:
        rows = list(_measure_search(conversations, language) if conversations else _measure_sets(language))
    if json_file:
        _write_results(json_file, rows)
    return 0


def _measure_sets(language: str) -> Iterator[QualityRow]:
    print(SETS_HEADING)  # noqa: T201
    rows = []
    sets = natural.select_sets(language)
    misspelled = [misspell_set(each) for each in sets if each.name == natural.NAMES[0]]
    for row in natural.evaluate_sets([*sets, *misspelled], language=language, log_progress=_log_progress):
        print(_format_set_row(row))  # noqa: T201
        rows.append(row)
    for row in natural.average_languages(rows):
        print(_format_set_row(row))  # noqa: T201
        rows.append(row)
    yield from rows
    if language not in ("", ENGLISH):
        return
    print(f"\n{UPDATES_HEADING}")  # noqa: T201
    for updates in evaluate_updates(read_update_sets(), log_progress=_log_progress):
        print(_format_updates(updates))  # noqa: T201
        yield updates


def _measure_search(conversations: list[Conversation], language: str) -> Iterator[QualityRow]:
    print(HEADING)  # noqa: T201
    for row in evaluate_search(conversations, language=language, log_progress=_log_progress):
        print(_format_row(row))  # noqa: T201
        yield row


def _measure_persona(conversations: list[Conversation], language: str) -> Iterator[QualityRow]:
    print(PERSONA_HEADING)  # noqa: T201
    for share in measure_answer_shares(conversations, language):
        print(_format_share(share))  # noqa: T201
        yield share


def _measure_persona_sets(language: str) -> Iterator[QualityRow]:
    print(PERSONA_SETS_HEADING)  # noqa: T201
    for each in measure_sets(language):
        print(_format_set(each))  # noqa: T201
        yield each
    print(f"\n{MODEL_HEADING}")  # noqa: T201
    for share in measure_model_sets(language):
        print(_format_model(share))  # noqa: T201
        yield share


def _log_progress(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _run_in_temporary_home(
    data: Path | None, json_file: Path | None, *, is_persona: bool, language: str
) -> int:
    arguments = ["quality"]
    if data:
        arguments += ["--data", str(data.absolute())]
    if is_persona:
        arguments.append("--persona")
    if json_file:
        arguments += ["--json", str(json_file.absolute())]
    if language:
        arguments += ["--language", language]
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return home.run_in_temporary_home(arguments, kept, keep=False)[0]


def _write_results(path: Path, rows: list[QualityRow]) -> None:
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def _format_set_row(row: SetRow) -> str:
    figures = "".join(f"{value:>8.3f}" for value in (*row.recall.values(), row.mrr))
    return f"{row.name:<17}{row.arm:<9}{row.asked_by:<10}{row.questions:>5}{figures}"


def _format_updates(row: UpdateRow) -> str:
    asked = "".join(
        f"{'-' if value is None else f'{value:.3f}':>{width}}"
        for value, width in (
            (row.unlinked_first, 10),
            (row.first, 8),
            (row.only_present, 9),
            (row.past_found, 8),
            (row.both_dated, 8),
        )
    )
    suggested = f"{row.suggested:>9.3f}{row.look_alikes:>8}{row.suggested_look_alikes:>9.3f}"
    return f"{row.name:<17}{row.updates:>5}{asked}{suggested}{row.suggested_distractors:>8.3f}"


def _format_row(row: ResultRow) -> str:
    values = [*row.recall.values(), row.mrr, row.answered]
    neighbours = "with" if row.with_neighbours else "without"
    return f"{row.memories:<13}{neighbours:<12}{row.arm:<9}{row.category:<13}{row.questions:>5}" + "".join(
        f"{value:>8.3f}" for value in values
    )


def _format_share(share: AnswerShare) -> str:
    columns = f"{share.memories:<13}{share.conversation:<14}{share.kind:<13}{share.questions:>5}"
    shipped = f"{share.answered:>8.3f}{1 - share.answered:>8.3f}"
    held_out = f"{share.calibrated:>13.3f}{share.answered_by_it:>8.3f}{1 - share.answered_by_it:>8.3f}"
    return f"{columns}{shipped}{held_out}"


def _format_set(share: SetShare) -> str:
    answerable = f"{share.questions:>5}{share.answered:>8.3f}{share.right:>8.3f}{share.shown:>8.3f}"
    return (
        f"{share.name:<17}{answerable}{share.unanswerable:>8}{share.refused:>8.3f}{share.nothing_near:>11.3f}"
    )


def _format_model(share: ModelShare) -> str:
    answerable = f"{share.questions:>5}{share.answered:>8.3f}{share.right:>8.3f}"
    return f"{share.name:<17}{share.rewriting:<11}{answerable}{share.unanswerable:>8}{share.refused:>8.3f}"
