"""Command line: errors that the operator can fix are one line with a hint instead of a traceback."""

import pytest
from django.core import management
from django.db import OperationalError, ProgrammingError, connection

import manage
from picard.config.checks import BadSettings


def run_statement(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(_: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    monkeypatch.setattr(management, "execute_from_command_line", command)
    manage.main()


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["select * from nowhere", "select nothing from accounts_user"])
def test_missing_table_or_column_suggests_migrate(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"manage\.py migrate"):
        run_statement(statement, monkeypatch)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BadSettings("picard.E001: SECRET_KEY is missing."), "SECRET_KEY is missing"),
        (OperationalError("connection refused"), "Cannot connect to the database: connection refused"),
    ],
)
def test_operator_errors_have_no_traceback(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(_: list[str]) -> None:
        raise error

    monkeypatch.setattr(management, "execute_from_command_line", command)
    with pytest.raises(SystemExit, match=message):
        manage.main()


@pytest.mark.django_db
def test_other_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProgrammingError, match="syntax error"):
        run_statement("selekt", monkeypatch)
