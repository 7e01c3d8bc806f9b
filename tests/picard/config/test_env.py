"""What a variable says is read as its type, or is a fault that names it and never its value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picard.config.env import Variables

Read = Callable[[Variables], Any]
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
def test_a_value_of_another_type_is_a_fault_and_is_not_repeated(
    read: Read, left: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", SECRET)
    env = Variables()
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
    env = Variables()
    assert (env.bool("X", default=not meant), env.faults) == (meant, {})


def test_a_port_that_is_none_in_an_address_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "postgres://picard:hunter2@db.example.org:port/picard")
    env = Variables()
    assert (env.db("X"), "hunter2" in str(env.faults), [*env.faults]) == ({}, False, ["X"])


def test_a_secret_is_read_from_its_file_or_kept_or_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, kept = Variables(), tmp_path / "home" / "keys"
    assert [env.secret("X", kept, made) for made in ("first", "second")] == ["first", "first"]
    assert env.secret("Y", None, "made") == ""
    (kept / "empty").touch()
    monkeypatch.setattr("picard.config.paths.time.sleep", lambda _: None)
    assert (env.secret("EMPTY", kept, "made"), "is empty" in env.faults["EMPTY"]) == ("", True)
    monkeypatch.setenv("X_FILE", str(tmp_path / "none"))
    assert (env.secret("X", kept, "made"), "X_FILE" in env.faults["X"]) == ("", True)


def test_the_named_file_must_be_there_and_the_usual_one_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picard.config.env.PROJECT", tmp_path)
    for named, faults in ((None, 0), ("", 0), (str(tmp_path / "none"), 1)):
        monkeypatch.delenv("PICARD_ENV_FILE") if named is None else monkeypatch.setenv(
            "PICARD_ENV_FILE", named
        )
        env = Variables()
        env.read_file()
        assert len(env.faults) == faults
