"""What a variable says is read as its type, or is a fault that names it and never its value."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picard.config.env import Environment

Read = Callable[[Environment], Any]
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("read", "left"),
    [
        (lambda env: env.int("X", default=8000), 8000),
        (lambda env: env.float("X", default=1.5), 1.5),
        (lambda env: env.bool("X", default=False), False),
        (lambda env: env.db("X"), {}),
        (lambda env: env.email_url("X"), {}),
    ],
)
@pytest.mark.parametrize("variable", ["X", "X_FILE"])
def test_a_value_of_another_type_is_a_fault_and_is_not_repeated(
    read: Read, left: Any, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text(SECRET)
    monkeypatch.setenv(variable, SECRET if variable == "X" else str(tmp_path / "x"))
    env = Environment()
    assert read(env) == left
    assert [*env.faults] == ["X"]
    assert SECRET not in str(env.faults)


@pytest.mark.parametrize(
    ("given", "meant"), [("True", True), ("on", True), ("1", True), ("off", False), ("0", False), ("", False)]
)
def test_the_usual_words_for_true_and_false_are_none(
    given: str, meant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", given)
    env = Environment()
    assert (env.bool("X", default=not meant), env.faults) == (meant, {})


def test_a_port_that_is_none_in_an_address_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "postgres://picard:hunter2@db.example.org:port/picard")
    env = Environment()
    assert (env.db("X"), "hunter2" in str(env.faults), [*env.faults]) == ({}, False, ["X"])


@pytest.mark.parametrize(
    "given", ["postgres://u:hunter2%zz@h/db", "postgres://h/db?hunter2=1", "mysql://u:hunter2@h/db"]
)
def test_a_url_that_libpq_refuses_is_a_fault_and_is_not_repeated(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", given)
    env = Environment()
    assert (env.db("X"), SECRET in str(env.faults), [*env.faults]) == ({}, False, ["X"])


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ("postgres://ada:p#s%2B@db:5433/memory", ("memory", "ada", "p#s+", "db", "5433", {})),
        ("postgresql:///none", ("none", "", "", "", "", {})),
        ("psql://a@h1:1,h2:2/n?sslmode=require", ("n", "a", "", "h1,h2", "1,2", {"sslmode": "require"})),
        ("postgresql://a:b@/n?host=/run/pg&port=5434", ("n", "a", "b", "/run/pg", "5434", {})),
    ],
)
def test_a_database_url_is_read_as_libpq_does(
    given: str, settings: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", given)
    assert tuple(Environment().db("X").values()) == settings


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        (
            "smtp+tls://ada:p%40ss@mail:587",
            {"EMAIL_USE_TLS": True, "EMAIL_HOST_PASSWORD": "p@ss", "EMAIL_PORT": 587},
        ),
        ("smtp+ssl://mail", {"EMAIL_USE_SSL": True, "EMAIL_HOST": "mail", "EMAIL_PORT": None}),
        ("smtp://mail:25", {"EMAIL_HOST": "mail", "EMAIL_HOST_USER": None}),
        ("smtp://mail?email_use_tls=true", {"EMAIL_USE_TLS": True}),
        ("filemail:///var/mail/picard", {"EMAIL_FILE_PATH": "var/mail/picard"}),
    ],
)
def test_a_mail_url_is_djangos_settings(
    given: str, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", given)
    env = Environment()
    read = env.email_url("X")
    assert (settings.items() <= read.items(), env.faults) == (True, {})
    assert read["EMAIL_BACKEND"].startswith("django.core.mail.backends.")
    assert len({"EMAIL_USE_TLS", "EMAIL_USE_SSL"} & read.keys()) <= 1


def test_a_variable_wins_over_its_file_and_can_name_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text(" of the file\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "x"))
    for value, meant in (("", "of the file"), ("own", "own"), ("$Y", "other"), ("a$Y${Y}", "a$Y${Y}")):
        monkeypatch.setenv("X", value)
        monkeypatch.setenv("Y", "other")
        env = Environment()
        assert (env.str("X", default="none"), env.faults) == (meant, {})


def test_of_a_list_each_part_counts_and_none_is_empty_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Environment()
    assert env.list("X", default=["a"]) == ["a"]
    monkeypatch.setenv("X", "a.example,b.example")
    assert env.list("X", default=[]) == ["a.example", "b.example"]


def test_a_secret_is_read_from_its_file_or_kept_or_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, kept = Environment(), tmp_path / "home" / "keys"
    assert [env.read_secret("X", kept, made) for made in ("first", "second")] == ["first", "first"]
    assert env.read_secret("Y", None, "made") == ""
    (kept / "empty").touch()
    monkeypatch.setattr("picard.config.paths.time.sleep", lambda _: None)
    assert (env.read_secret("EMPTY", kept, "made"), "is empty" in env.faults["EMPTY"]) == ("", True)
    monkeypatch.setenv("X_FILE", str(tmp_path / "none"))
    assert (env.read_secret("X", kept, "made"), "X_FILE" in env.faults["X"]) == ("", True)


def test_the_named_file_must_be_there_and_the_usual_one_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picard.config.env.PROJECT", tmp_path)
    for named, faults in ((None, 0), ("", 0), (str(tmp_path / "none"), 1)):
        monkeypatch.delenv("PICARD_ENV_FILE") if named is None else monkeypatch.setenv(
            "PICARD_ENV_FILE", named
        )
        env = Environment()
        env.read_file()
        assert len(env.faults) == faults


def test_the_file_adds_to_the_environment_and_nothing_is_substituted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "environment"
    file.write_text("# ours\nX=from the file\nexport Y='p${X}#s'\nZ=a#b\n\nNO LINE\n")
    monkeypatch.setenv("PICARD_ENV_FILE", str(file))
    monkeypatch.setenv("X", "from outside")
    for name in ("Y", "Z"):  # what is set is taken back after the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    env = Environment()
    env.read_file()
    assert [env.str(name, default="") for name in "XYZ"] == ["from outside", "p${X}#s", "a#b"]
    assert (os.environ["Y"], env.faults) == ("p${X}#s", {})  # for the programs that Picard starts
