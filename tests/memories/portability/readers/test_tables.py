"""Tables: what samples cannot say."""

from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from tests.memories.portability.reading import read_file

WEIGHTS = "Date;Weight (%);;Notes\n2025-01-01;81.2;;Felt good\n"


def test_unknown_columns_are_named() -> None:
    with pytest.raises(ValidationError) as refusal:
        read_file(WEIGHTS, "x.csv")
    (error,) = refusal.value.error_dict["file"]
    assert error.code == "unknown_table"
    assert "Date, Weight (%), 3, Notes" in " ".join(error.messages)


@pytest.mark.parametrize("choice", ["notes", " NOTES ", "4"])
def test_column_is_chosen_by_name_in_any_case_or_by_number(choice: str) -> None:
    assert read_file(WEIGHTS, "x.csv", text_column=choice).texts == ["Felt good"]


@pytest.mark.parametrize("choice", ["value", "9", "0"])
def test_column_that_is_not_there_is_not_chosen(choice: str) -> None:
    with pytest.raises(ValidationError):
        read_file(WEIGHTS, "x.csv", text_column=choice)


@pytest.mark.parametrize("name", ["value", "data", "summary"])
def test_measurements_are_no_texts(name: str) -> None:
    for table in (f"date,{name}\n2025-01-01,81.2\n", f"{name}\n81.2\n81.0\n"):
        with pytest.raises(ValidationError):
            read_file(table, "x.csv")


def test_chosen_column_wins_over_the_known_one() -> None:
    table = "text,reply\nI keep bees,How nice\n"
    assert read_file(table, "x.csv", text_column="reply").texts == ["How nice\n\nI keep bees"]


@pytest.mark.parametrize(
    "header", ["Text", "TEXTE", "Texto", "Testo", "Tekst", "Inhalt", "本文", "内容", "Текст", "메모"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_headers_of_other_languages(header: str, delimiter: str) -> None:
    table = f"{header}{delimiter}Tags\nI keep bees{delimiter}a\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        outcome = read_file(table.encode(encoding), "x.csv")
        assert (outcome.texts, outcome.tags) == (["I keep bees"], [("a",)])


@pytest.mark.parametrize(
    "text",
    [
        "Bread, milk\nButter, eggs",
        "I am Ada; I run; I hike\nI swim; too",
        "a|b",
    ],
)
def test_prose_with_delimiters_is_no_table(text: str) -> None:
    assert read_file(text).kind == "text"


def test_quoted_cell_without_end_is_refused_if_it_is_long() -> None:
    with pytest.raises(ValidationError) as refusal:
        read_file(b'text,tags\r\n"no end' + b"x" * 200_000)
    assert refusal.value.error_dict["file"][0].code == "broken_table"


@pytest.mark.parametrize(
    ("table", "texts"),
    [
        ("I keep bees\nI run\n", ["I keep bees", "I run"]),
        ("Tea\nBees\n", ["Tea", "Bees"]),
        ("memory\nI keep bees\n", ["I keep bees"]),
    ],
)
def test_first_line_of_a_list_without_a_header_is_a_memory(table: str, texts: list[str]) -> None:
    assert read_file(table, "x.csv").texts == texts


def test_first_row_with_a_date_is_no_header() -> None:
    table = "2025-01-03,I keep bees\n2025-01-04,I run\n"
    assert read_file(table, "x.csv", text_column="2").texts == ["I keep bees", "I run"]


@pytest.mark.parametrize(
    "table",
    [b"text,tags\rI keep bees,garden\rI run,sport\r", b"\n\ntext,tags\nI keep bees,garden\nI run,sport\n"],
)
def test_line_ends_and_blank_lines_above_the_header(table: bytes) -> None:
    outcome = read_file(table, "x.csv")
    assert (outcome.texts, outcome.tags) == (["I keep bees", "I run"], [("garden",), ("sport",)])


def test_first_column_may_have_no_name() -> None:
    assert read_file("\tText\tDate\n1\tI keep bees\t2025-01-03\n", "x.tsv").texts == ["I keep bees"]


def test_state_says_what_is_deleted() -> None:
    outcome = read_file("memory,status\nI keep bees,active\nI ran,deleted\nI hid,Archived\n", "x.csv")
    assert (outcome.texts, outcome.skipped) == (["I keep bees"], {"in_trash": 1, "archived": 1})


@pytest.mark.parametrize(("first", "month"), [("1/13/2025", 2), ("13/1/2025", 3)])
def test_other_dates_of_a_table_tell_which_is_the_month(first: str, month: int) -> None:
    for zone in (ZoneInfo("Europe/Brussels"), ZoneInfo("America/Los_Angeles")):
        table = f"text,date\nI keep bees,{first}\nI run,2/3/2025 9:00 PM\n"
        (_, time) = read_file(table, "x.csv", zone=zone).times
        assert time is not None
        assert time.month == month


def test_names_of_columns_may_be_of_programs() -> None:
    outcome = read_file(
        "memoryText,createdAt,isDeleted\nI keep bees,2025-01-03,false\nI ran,,true\n", "x.csv"
    )
    assert (outcome.texts, outcome.skipped) == (["I keep bees"], {"in_trash": 1})
    assert outcome.times[0] is not None
