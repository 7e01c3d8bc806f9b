"""The command line says what to do about a database that no migration has met, instead of a traceback."""

import pytest
from django.core import management
from django.db import OperationalError, ProgrammingError, connection

import manage
from picard.config.checks import BadSettings


def asks(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(_: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    monkeypatch.setattr(management, "execute_from_command_line", command)
    manage.main()


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["select * from nowhere", "select nothing from accounts_user"])
def test_a_missing_table_or_column_is_told_in_one_line(
    statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=r"manage\.py migrate"):
        asks(statement, monkeypatch)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BadSettings("picard.E001: SECRET_KEY is missing."), "SECRET_KEY is missing"),
        (OperationalError("connection refused"), "cannot be reached: connection refused"),
    ],
)
def test_what_an_operator_mends_is_told_without_a_traceback(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(_: list[str]) -> None:
        raise error

    monkeypatch.setattr(management, "execute_from_command_line", command)
    with pytest.raises(SystemExit, match=words):
        manage.main()


@pytest.mark.django_db
def test_another_fault_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProgrammingError, match="syntax error"):
        asks("selekt", monkeypatch)
