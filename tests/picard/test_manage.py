"""The command line says what to do about a database that no migration has met, instead of a traceback."""

import pytest
from django.core import management
from django.db import ProgrammingError, connection

import manage


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


@pytest.mark.django_db
def test_another_fault_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProgrammingError, match="syntax error"):
        asks("selekt", monkeypatch)
