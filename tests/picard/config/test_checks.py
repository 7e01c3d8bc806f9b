"""Settings checks: an invalid setting stops the start with a code and a hint. Each case is a separate process."""

import json
import os
import re
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from accounts.keys import check_master_keys
from picard.config.checks import check_proxy
from picard.config.env import Environment
from tests.chaos.report import record
from tests.processes import PROJECT, run

GOOD = {
    "DATABASE_URL": "postgresql://nobody:x@127.0.0.1:9/none",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghij",
    "FIELD_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "PUBLIC_URL": "https://memory.example.org",
}
BAD = [
    ("picard.E001", {"SECRET_KEY": ""}),
    ("picard.E002", {"SECRET_KEY": "short"}),
    ("picard.E002", {"SECRET_KEY": "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz"}),
    ("picard.E003", {"FIELD_ENCRYPTION_KEY": ""}),
    ("picard.E004", {"FIELD_ENCRYPTION_KEY": "not a key"}),
    ("picard.E005", {"ALLOWED_HOSTS": "*"}),
    ("picard.E007", {"PUBLIC_URL": ""}),
    ("picard.E007", {"PUBLIC_URL": "memory.example.org"}),
    ("picard.E007", {"PUBLIC_URL": "https://[::1"}),
    ("picard.E007", {"PUBLIC_URL": "https://memory.example.org:http"}),
    ("picard.E007", {"PUBLIC_URL": "https://memory.example.org/picard"}),
    ("picard.E007", {"PUBLIC_URL": "https://memory.example.org/?a=1"}),
    ("picard.E007", {"PUBLIC_URL": "https://ada:secret@memory.example.org"}),
    ("picard.E007", {"PUBLIC_URL": "http://127.0.0.1:8000/picard/", "DEBUG": "true"}),
    ("picard.E008", {"PUBLIC_URL": "http://memory.example.org"}),
    ("picard.E009", {"SIGNUP": "sometimes"}),
    ("picard.E010", {"EMBEDDING_DIMENSIONS": "1536"}),
    ("picard.E010", {"EMBEDDING_MODEL_DIMENSIONS": "256"}),
    ("picard.E031", {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": "127.0.0.1:11434/v1"}),
    ("picard.E031", {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": "http://[::1"}),
    ("picard.E031", {"EMBEDDING_PROVIDER": "openai", "EMBEDDING_TIMEOUT_S": "0"}),
    ("picard.E011", {"SEARCH_LANGUAGE": "klingon"}),
    ("picard.E012", {"METRICS_TOKEN": "short"}),
    ("picard.E013", {"SECURITY_CONTACT": "security@example.org"}),
    ("picard.E030", {"CHAT_MODEL": "m", "CHAT_PROVIDER": "anthropic"}),
    ("picard.E030", {"CHAT_MODEL": "m", "CHAT_BASE_URL": "models.example/v1"}),
    ("picard.E030", {"CHAT_MODEL": "m", "CHAT_ANSWER_TOKENS": "0"}),
    ("picard.E015", {"STATEMENT_TIMEOUT_S": "0"}),
]

START = "import django; django.setup(); print('started')"
# Starts with each of several settings in a process of its own, forked after the libraries were imported, which takes
# most of the time of a start. Prints the exit code and the output of each.
START_EACH = f"""
import json, os, sys, tempfile
import django.core.serializers.json, django.forms, django.urls, environs, psycopg

results = []
for variables in json.load(sys.stdin):
    with tempfile.TemporaryFile() as output:
        if not (process := os.fork()):
            os.environ.update(variables)
            os.dup2(output.fileno(), 1), os.dup2(output.fileno(), 2)
            break
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        output.seek(0)
        results.append([status, output.read().decode()])
else:
    print(json.dumps(results))
    sys.exit()
{START}
"""


def start(
    program: str = START, text: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Load the application as a web worker does."""
    inherited = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")
    }
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={
            **inherited,
            "DJANGO_SETTINGS_MODULE": "picard.settings",
            "PICARD_ENV_FILE": "",
            **GOOD,
            **variables,
        },
        input=text,
        capture_output=True,
        text=True,
        timeout=60 if text is None else 600,
        check=False,
    )


@pytest.fixture(scope="module")
def bad_starts() -> list[tuple[int, str]]:
    """The exit code and the output of a start with each bad setting, and of one with none."""
    done = start(START_EACH, json.dumps([*(variables for _code, variables in BAD), {}]))
    return [(code, output) for code, output in json.loads(done.stdout)]


def test_valid_production_settings_start() -> None:
    process = start(LOG_LEVEL="debug", EMBEDDING_PROVIDER="tests.providers.WordHashes", WEB_WORKERS="1")
    assert process.stdout == "started\n"


@pytest.mark.parametrize("number", range(len(BAD)), ids=[f"{code} {'/'.join(v)}={v}" for code, v in BAD])
def test_invalid_setting_stops_the_start_with_a_code(number: int, bad_starts: list[tuple[int, str]]) -> None:
    code, (status, output) = BAD[number][0], bad_starts[number]
    has_started = "started" in output.splitlines()
    record(code, tries=1, lost=int(has_started), what="starts with a bad setting")
    assert status != 0
    assert not has_started
    assert f"{code}: " in output
    assert not any(secret in output for secret in (GOOD["SECRET_KEY"], GOOD["FIELD_ENCRYPTION_KEY"]))


def test_the_process_that_tries_bad_settings_starts_with_good_ones(bad_starts: list[tuple[int, str]]) -> None:
    assert bad_starts[-1] == (0, "started\n")


def test_all_errors_are_reported_at_once() -> None:
    missing = {"SECRET_KEY": "", "FIELD_ENCRYPTION_KEY": "", "PUBLIC_URL": ""}
    unreadable = {
        "PORT": "x",
        "CHAT_TIMEOUT_S": "soon",
        "DATABASE_URL": "db.example.org",
        "EMAIL_URL": "smtp",
    }
    unreadable |= {"SECURE_HSTS_WIDE": "maybe", "SECRET_KEY_FILE": "/no/such", "PICARD_ENV_FILE": "/no/such"}
    invalid = {"WEB_THREADS": "0", "EMBEDDING_PROVIDER": "opena1", "LOG_LEVEL": "loud"}
    stderr = start(**missing, **unreadable, **invalid).stderr
    codes = re.findall(r"picard\.E0(\d\d): ", stderr)
    assert codes == [*["14"] * len(unreadable), "03", "17", "15", "16", "01", "07"]
    assert [name for name in (unreadable | invalid) if name not in stderr] == []
    assert "PICARD_ENV_FILE (/no/such) cannot be read: No such file or directory" in stderr


def test_secret_can_be_read_from_a_file(tmp_path: "os.PathLike[str]") -> None:
    path = os.path.join(tmp_path, "key")
    with open(path, "w") as handle:
        handle.write(GOOD["FIELD_ENCRYPTION_KEY"] + "\n")
    assert start(FIELD_ENCRYPTION_KEY="", FIELD_ENCRYPTION_KEY_FILE=path).stdout == "started\n"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", [("manage.py", "worker"), ("-c", "import picard.wsgi; print('started')")])
def test_wrong_master_keys_stop_worker_and_web_server(command: tuple[str, ...]) -> None:
    check_master_keys()
    process = run(*command, FIELD_ENCRYPTION_KEY=Fernet.generate_key().decode())
    assert process.returncode != 0
    assert "picard.E006" in process.stderr
    assert "started" not in process.stdout


def test_keys_can_be_generated_without_existing_keys() -> None:
    process = subprocess.run(
        [sys.executable, "manage.py", "keys", "generate"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PICARD_ENV_FILE": "", "DATABASE_URL": GOOD["DATABASE_URL"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0
    keys = dict(line.split("=", 1) for line in process.stdout.splitlines())
    Fernet(keys["FIELD_ENCRYPTION_KEY"])
    assert len(keys["SECRET_KEY"].strip("'")) >= 50


@pytest.mark.parametrize(
    ("configured", "url"),
    [
        ("https://memory.example.org", "https://memory.example.org"),
        ("https://memory.example.org/", "https://memory.example.org"),
        ("HTTPS://Memory.Example.ORG:443/", "https://memory.example.org"),
        ("https://memory.example.org:8443", "https://memory.example.org:8443"),
        ("http://LocalHost:80", "http://localhost"),
        ("http://127.0.0.1:8000//", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        (" https://memory.example.org ", "https://memory.example.org"),
        ("https://memory.example.org?", "https://memory.example.org"),
        # Reported as picard.E007:
        ("https://Memory.example.org/picard", "https://Memory.example.org/picard"),
        ("https://memory.example.org#here", "https://memory.example.org#here"),
        ("https://ada@memory.example.org", ""),
        ("https://memory.example.org:99999", ""),
        ("https://büro.example", ""),
        ("https://", ""),
    ],
)
def test_public_url_is_normalized_when_it_is_read(
    configured: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients compare it as a string with the URL that they were given, which URL parsers have normalized."""
    monkeypatch.setenv("PUBLIC_URL", configured)
    assert Environment().read_origin("PUBLIC_URL", default="") == url


def test_path_in_the_public_url_is_reported_with_the_url_to_set() -> None:
    stderr = start(PUBLIC_URL="https://Memory.example.org:443/picard?key=secret").stderr
    assert "Set it to https://memory.example.org\n" in stderr
    assert "secret" not in stderr


@pytest.mark.parametrize(
    ("public_url", "hops", "warned"),
    [
        ("https://picard.example", 0, True),
        ("https://picard.example", 1, False),
        ("http://127.0.0.1:1", 0, False),
    ],
)
def test_proxy_that_is_not_counted_is_a_warning(
    settings: Settings, public_url: str, hops: int, warned: bool
) -> None:
    settings.PUBLIC_URL, settings.TRUSTED_PROXY_HOPS = public_url, hops
    assert [warning.id for warning in check_proxy()] == ["picard.W002"] * warned


def test_libpq_variables_of_the_caller_do_not_reach_the_embedded_database() -> None:
    process = run(
        "-c",
        "import os, picard.settings; print([name for name in os.environ if name.startswith('PG')])",
        DATABASE_URL="",
        PGOPTIONS="-c search_path=none",
        PGSERVICE="none",
        PGHOSTADDR="192.0.2.1",
        PGDATESTYLE="German",
    )
    assert process.stdout == "[]\n"
