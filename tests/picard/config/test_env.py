"""Environment variables: each is parsed as its type, or reported as an error without its value."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picard.config.env import Environment

Read = Callable[[Environment], Any]
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("read", "default"),
    [
        (lambda env: env.int("X", default=8000), 8000),
        (lambda env: env.float("X", default=1.5), 1.5),
        (lambda env: env.bool("X", default=False), False),
        (lambda env: env.db("X"), {}),
        (lambda env: env.email_url("X"), {}),
    ],
)
@pytest.mark.parametrize("variable", ["X", "X_FILE"])
def test_value_of_wrong_type_is_reported_without_the_value(
    read: Read, default: Any, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text(SECRET)
    monkeypatch.setenv(variable, SECRET if variable == "X" else str(tmp_path / "x"))
    env = Environment()
    assert read(env) == default
    assert [*env.faults] == ["X"]
    assert SECRET not in str(env.faults)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("True", True), ("on", True), ("1", True), ("off", False), ("0", False), ("", False)],
)
def test_common_spellings_of_booleans_are_accepted(
    value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", value)
    env = Environment()
    assert (env.bool("X", default=not expected), env.faults) == (expected, {})


def test_invalid_port_in_a_database_url_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "postgres://picard:hunter2@db.example.org:port/picard")
    env = Environment()
    assert (env.db("X"), "hunter2" in str(env.faults), [*env.faults]) == ({}, False, ["X"])


@pytest.mark.parametrize(
    "url", ["postgres://u:hunter2%zz@h/db", "postgres://h/db?hunter2=1", "mysql://u:hunter2@h/db"]
)
def test_url_that_libpq_rejects_is_reported_without_the_value(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", url)
    env = Environment()
    assert (env.db("X"), SECRET in str(env.faults), [*env.faults]) == ({}, False, ["X"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://ada:p#s%2B@db:5433/memory", ("memory", "ada", "p#s+", "db", "5433", {})),
        ("postgresql:///none", ("none", "", "", "", "", {})),
        ("psql://a@h1:1,h2:2/n?sslmode=require", ("n", "a", "", "h1,h2", "1,2", {"sslmode": "require"})),
        ("postgresql://a:b@/n?host=/run/pg&port=5434", ("n", "a", "b", "/run/pg", "5434", {})),
    ],
)
def test_database_url_is_parsed_as_libpq_does(
    url: str, expected: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", url)
    assert tuple(Environment().db("X").values()) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtp+tls://ada:p%40ss@mail:587",
            {"EMAIL_USE_TLS": True, "EMAIL_HOST_PASSWORD": "p@ss", "EMAIL_PORT": 587},
        ),
        ("smtp+ssl://mail", {"EMAIL_USE_SSL": True, "EMAIL_HOST": "mail", "EMAIL_PORT": 465}),
        ("smtps://mail", {"EMAIL_USE_SSL": True, "EMAIL_PORT": 465}),
        ("smtps://u:p@mail:465/", {"EMAIL_USE_SSL": True, "EMAIL_HOST": "mail", "EMAIL_HOST_PASSWORD": "p"}),
        ("smtps://mail:587", {"EMAIL_USE_TLS": True, "EMAIL_PORT": 587}),
        ("smtp+tls://mail", {"EMAIL_USE_TLS": True, "EMAIL_PORT": 587}),
        ("smtp://[2001:db8::1]:2525", {"EMAIL_HOST": "2001:db8::1", "EMAIL_PORT": 2525}),
        (
            "smtp+tls://ada@example.org:p@ss/w#rd?x:%25@mail.example:587",
            {
                "EMAIL_HOST": "mail.example",
                "EMAIL_HOST_USER": "ada@example.org",
                "EMAIL_HOST_PASSWORD": "p@ss/w#rd?x:%",
            },
        ),
        ("smtp://mail:25", {"EMAIL_HOST": "mail", "EMAIL_HOST_USER": None}),
        ("smtp://mail?email_use_tls=true", {"EMAIL_USE_TLS": True}),
        ("filemail:///var/mail/picard", {"EMAIL_FILE_PATH": "var/mail/picard"}),
    ],
)
def test_email_url_is_converted_to_django_settings(
    url: str, expected: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", url)
    env = Environment()
    settings = env.email_url("X")
    assert (expected.items() <= settings.items(), env.faults) == (True, {})
    assert settings["EMAIL_BACKEND"].startswith("django.core.mail.backends.")
    assert len({"EMAIL_USE_TLS", "EMAIL_USE_SSL"} & settings.keys()) <= 1


@pytest.mark.parametrize(
    "url",
    [
        "smtp", "mail://host", "smtp://", "smtp://:25", "smtp://u:p@", "smtp://mail:0", "smtp://mail:70000",
        "smtp://mail:smtp", "smtp://ma il", "smtp://mail/path", "smtps://mail:465?email_use_tls=1",
        "smtp://mail?email_use_tsl=1", "smtp://[::1", "smtp+tls://u:p/w#rd:587",
    ],
)  # fmt: skip
def test_invalid_email_url_is_a_fault_without_its_value(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", url)
    env = Environment()
    env.email_url("X")
    assert env.faults == {"X": "X: Not a valid URL"}


def test_variable_wins_over_its_file_and_can_refer_to_another_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text(" from the file\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "x"))
    for value, expected in (("", "from the file"), ("own", "own"), ("$Y", "other"), ("a$Y${Y}", "a$Y${Y}")):
        monkeypatch.setenv("X", value)
        monkeypatch.setenv("Y", "other")
        env = Environment()
        assert (env.str("X", default="none"), env.faults) == (expected, {})


def test_list_is_split_at_commas_and_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Environment()
    assert env.list("X", default=["a"]) == ["a"]
    monkeypatch.setenv("X", "a.example,b.example")
    assert env.list("X", default=[]) == ["a.example", "b.example"]


def test_secret_is_read_generated_once_or_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env, folder = Environment(), tmp_path / "home" / "keys"
    assert [env.read_secret("X", folder, key) for key in ("first", "second")] == ["first", "first"]
    assert env.read_secret("Y", None, "generated") == ""
    (folder / "empty").touch()
    monkeypatch.setattr("picard.config.paths.time.sleep", lambda _: None)
    assert (env.read_secret("EMPTY", folder, "generated"), "is empty" in env.faults["EMPTY"]) == ("", True)
    monkeypatch.setenv("X_FILE", str(tmp_path / "none"))
    assert (env.read_secret("X", folder, "generated"), "X_FILE" in env.faults["X"]) == ("", True)


def test_configured_env_file_must_exist_and_default_one_is_optional(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picard.config.env.PROJECT", tmp_path)
    for configured, faults in ((None, 0), ("", 0), (str(tmp_path / "none"), 1)):
        monkeypatch.delenv("PICARD_ENV_FILE") if configured is None else monkeypatch.setenv(
            "PICARD_ENV_FILE", configured
        )
        env = Environment()
        env.read_file()
        assert len(env.faults) == faults


def test_env_file_extends_the_environment_without_substitution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "environment"
    file.write_text("# ours\nX=from the file\nexport Y='p${X}#s'\nZ=a#b\n\nNO LINE\n")
    monkeypatch.setenv("PICARD_ENV_FILE", str(file))
    monkeypatch.setenv("X", "from outside")
    for name in ("Y", "Z"):  # so that monkeypatch unsets them after the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    env = Environment()
    env.read_file()
    assert [env.str(name, default="") for name in "XYZ"] == ["from outside", "p${X}#s", "a#b"]
    assert (os.environ["Y"], env.faults) == ("p${X}#s", {})  # for child processes


def test_empty_text_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIND", "")  # as a line `BIND=` of .env
    assert Environment().str("BIND", default="127.0.0.1") == "127.0.0.1"


def test_a_url_without_host_and_password_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "db", "PGPORT": "5433", "PGDATABASE": "memory", "SECRET": "p/#+="}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("X", "postgresql://ada@")
    assert tuple(Environment().db("X", "SECRET").values()) == ("memory", "ada", "p/#+=", "db", "5433", {})
    monkeypatch.setenv("X", "postgresql://ada:own@h:1/n")
    assert tuple(Environment().db("X", "SECRET").values()) == ("n", "ada", "own", "h", "1", {})
