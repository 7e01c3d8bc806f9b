"""Everything an operator would look at, looked at: each check says what it found and what to do about it."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.mail import get_connection
from django.db import ProgrammingError, connection

from core.db.errors import DATABASE_UNAVAILABLE
from picard.config import checks
from picard.observability import health, stats

POSTGRES_VERSION, VECTOR_VERSION = 15_00_00, (0, 8)
RANDOM_PAGE_COST = 2.0
FREE_WARN, FREE_FAIL = 5_000_000_000, 500_000_000  # bytes
IGNORED_CHECKS = frozenset({"security.W005", "security.W021"})  # SECURE_HSTS_WIDE
PENDING_WARN_S = 600.0  # a memory that waits longer is worth a look
SKEW_WARN_S, SKEW_FAIL_S = 2.0, 60.0


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """`hint` says what to do; empty when all is well."""

    check: str
    state: State
    said: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


CheckResult = tuple[State, str, str]


def run_diagnostics() -> Iterator[Finding]:
    """Every check in turn; one that falls over has failed, and the next ones go on."""
    for check in CHECKS:
        try:
            state, said, hint = check()
        except DATABASE_UNAVAILABLE:
            state, said, hint = State.FAIL, "the database does not answer", HINTS[check_database]
        except ProgrammingError:  # a table or a column that is not there
            state, said, hint = (
                State.FAIL,
                "the tables are not those of this version",
                "Run manage.py migrate.",
            )
        except Exception as error:  # noqa: BLE001  (whatever it was, it is the finding)
            # The type alone: a driver's message may hold addresses and names.
            state, said, hint = State.FAIL, type(error).__name__, f"Look at the log. {HINTS.get(check, '')}"
        yield Finding(check.__name__.removeprefix("check_").replace("_", " "), state, said, hint.strip())


# --- The checks -----------------------------------------------------------------------------------------


def check_configuration() -> CheckResult:
    found = [*checks.find_settings_faults(), *run_checks(include_deployment_checks=not settings.EMBEDDED)]
    faults = [fault for fault in found if not fault.is_silenced() and fault.id not in IGNORED_CHECKS]
    if not faults:
        return State.OK, f"no fault; open at {settings.PUBLIC_URL}", ""
    worst = State.FAIL if any(fault.is_serious() for fault in faults) else State.WARN
    return worst, "; ".join(str(fault.id) for fault in faults), " ".join(str(fault.msg) for fault in faults)


def check_database() -> CheckResult:
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('server_version_num')::int, current_setting('server_version'),"
            " current_setting('random_page_cost')::float"
        )
        number, version, random_page_cost = cursor.fetchone()
    if number < POSTGRES_VERSION:
        return State.FAIL, f"PostgreSQL {version}", "Move to PostgreSQL 15 or newer (docs/deployment.md)."
    if random_page_cost > RANDOM_PAGE_COST:
        said = f"PostgreSQL {version}, random_page_cost {random_page_cost:g}"
        return (
            State.WARN,
            said,
            "Searches may read whole tables. On a disk without a moving head, set it to 1.1.",
        )
    return State.OK, f"PostgreSQL {version}{', embedded' if settings.EMBEDDED else ''}", ""


def check_pgvector() -> CheckResult:
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.installed_version, a.default_version from pg_available_extensions a where name = 'vector'"
        )
        installed, available = cursor.fetchone() or (None, None)
    if not installed:
        return (
            State.FAIL,
            "not in this database",
            "Run manage.py migrate as a role that may create extensions.",
        )
    if tuple(map(int, installed.split(".")[:2])) < VECTOR_VERSION:
        return State.FAIL, installed, "Install pgvector 0.8 or newer, then: alter extension vector update"
    if installed != available:
        return State.WARN, f"{installed}, {available} is there", "Run: alter extension vector update"
    return State.OK, str(installed), ""


def check_migrations() -> CheckResult:
    if health.check_migrations():
        return State.OK, "all applied", ""
    return State.FAIL, "some are not applied", "Run manage.py migrate."


def check_keys() -> CheckResult:
    from accounts.keys import get_key_status

    health.check_keys()
    status = get_key_status()
    if status.unreadable:
        return (
            State.FAIL,
            f"{status.unreadable:,} do not open",
            "Put all master keys back (docs/security.md).",
        )
    if status.older:
        return State.WARN, f"{status.older:,} under an older master key", "Run manage.py keys rotate."
    return State.OK, f"all {status.newest:,} open", ""


def check_worker() -> CheckResult:
    counted = _get_metrics()
    found, pending, failed = (int(counted[name]) for name in ("workers", "pending", "failed"))
    said = f"{found} at work, {pending:,} memories wait, {failed:,} failed"
    if not found:
        return (State.FAIL if pending else State.WARN), said, "Start one: manage.py worker"
    if counted["oldest_pending_seconds"] > PENDING_WARN_S:
        return State.WARN, said, "One waits for over ten minutes: look at the worker's log, or start another."
    if failed:
        return State.WARN, said, "The admin site says why each failed (docs/configuration.md)."
    return State.OK, said, ""


def check_disk_space() -> CheckResult:
    folder = next(each for each in (settings.PICARD_HOME, *settings.PICARD_HOME.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    state = State.FAIL if free < FREE_FAIL else State.WARN if free < FREE_WARN else State.OK
    return (
        state,
        f"{free / 1e9:.1f} GB free at {folder}",
        "" if state == State.OK else "Make room, or move it.",
    )


def check_clock() -> CheckResult:
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("select extract(epoch from clock_timestamp())::float8")
        skew = abs(cursor.fetchone()[0] - (before + time.time()) / 2)
    state = State.FAIL if skew > SKEW_FAIL_S else State.WARN if skew > SKEW_WARN_S else State.OK
    hint = "" if state == State.OK else "Keep this machine's and the database's clocks by NTP."
    return state, f"{skew:.2f} s from the database's", hint


def check_mail() -> CheckResult:
    if not settings.HAS_MAIL:
        return State.WARN, "not sent: kept as files below PICARD_HOME/mail", "Set EMAIL_URL."
    with get_connection(timeout=10):
        return State.OK, f"{settings.EMAIL_HOST} takes the log-in", ""


def check_embeddings() -> CheckResult:
    from memories.providers.embeddings import ProviderError, get_provider

    try:
        started = time.monotonic()
        width = len(get_provider().embed_query("Does it answer?"))
    except ProviderError as error:
        return (
            State.FAIL,
            f"{settings.EMBEDDING_PROVIDER}: {error.code}",
            "See the codes in docs/configuration.md.",
        )
    return (
        State.OK,
        f"{settings.EMBEDDING_PROVIDER}, {width} numbers in {time.monotonic() - started:.2f} s",
        "",
    )


def check_files() -> CheckResult:
    """What only the server's own account may read."""
    private = [settings.KEYS_HOME, *_list_files(settings.KEYS_HOME), settings.PICARD_HOME / "mail"]
    named = (os.environ.get("SECRET_KEY_FILE"), os.environ.get("FIELD_ENCRYPTION_KEY_FILE"))
    private += [Path(path) for path in named if path]
    open_ones = [path for path in private if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        return State.FAIL, f"others may read {', '.join(map(str, open_ones))}", "Run: chmod go= on each."
    variables = settings.ENV_FILE
    if (
        variables.is_file() and stat.S_IMODE(variables.stat().st_mode) & 0o007
    ):  # a group may be the server's own
        return State.WARN, f"everybody may read {variables}", f"It may hold keys. Run: chmod o= {variables}"
    return State.OK, "keys and letters are this account's alone", ""


CHECKS: tuple[Callable[[], CheckResult], ...] = (
    check_configuration, check_database, check_pgvector, check_migrations, check_keys, check_worker,
    check_disk_space, check_clock, check_mail, check_embeddings, check_files,
)  # fmt: skip
HINTS: dict[Callable[[], CheckResult], str] = {
    check_database: "Is DATABASE_URL right, and does the server run?",
    check_keys: "Put the master keys back that this database was made with.",
    check_mail: "Is EMAIL_URL right?",
}


def _get_metrics() -> dict[str, Any]:
    return {figure.name: figure.value for figure in stats.collect_database_metrics()}


def _list_files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
