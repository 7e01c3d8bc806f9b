"""Checks for operators: each reports what it found and how to fix it."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.checks import run_checks
from django.core.mail import get_connection
from django.db import ProgrammingError, connection

from accounts.mail import delivery, outbox
from core.db import standby
from core.db.distribution import is_distributed
from core.db.errors import DATABASE_UNAVAILABLE
from core.db.roles import Role, acting_as_system
from picard.config import checks
from picard.database import distribution, pooler
from picard.database.login_roles import find_powerful_web_user
from picard.observability import health, stats

POSTGRES_VERSION, VECTOR_VERSION = 15_00_00, (0, 8)
RANDOM_PAGE_COST = 2.0
FREE_WARN, FREE_FAIL = 5_000_000_000, 500_000_000  # bytes
IGNORED_CHECKS = frozenset({"security.W005", "security.W021"})  # SECURE_HSTS_WIDE
PROBE_COUNT = 64
PENDING_WARN_S = 600.0  # older pending memories cause a warning
MAIL_WARN_S = 300.0  # older waiting e-mails cause a warning
SKEW_WARN_S, SKEW_FAIL_S = 2.0, 60.0


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """`said` is the result, `hint` how to fix a problem; empty if there is none."""

    check: str
    state: State
    said: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


CheckResult = tuple[State, str, str]


def run_diagnostics() -> Iterator[Finding]:
    """Run every check in turn. A check that raises has failed, and the next ones still run."""
    for check in CHECKS:
        try:
            state, result, hint = check()
        except DATABASE_UNAVAILABLE:
            state, result, hint = State.FAIL, "cannot connect to the database", HINTS[check_database]
        except ProgrammingError:  # a table or a column is missing
            state, result, hint = (
                State.FAIL,
                "the database schema does not match this version",
                "Run manage.py migrate.",
            )
        except Exception as error:  # noqa: BLE001  (any exception is a finding)
            # Only the type: a driver's message may contain addresses and names.
            state, result, hint = State.FAIL, type(error).__name__, f"See the log. {HINTS.get(check, '')}"
        yield Finding(check.__name__.removeprefix("check_").replace("_", " "), state, result, hint.strip())


# --- The checks -----------------------------------------------------------------------------------------


def check_configuration() -> CheckResult:
    messages = [*checks.find_settings_faults(), *run_checks(include_deployment_checks=not settings.EMBEDDED)]
    faults = [fault for fault in messages if not fault.is_silenced() and fault.id not in IGNORED_CHECKS]
    if not faults:
        return State.OK, f"no errors; URL {settings.PUBLIC_URL}", ""
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
        return State.FAIL, f"PostgreSQL {version}", "Upgrade to PostgreSQL 15 or newer (docs/deployment.md)."
    if random_page_cost > RANDOM_PAGE_COST:
        return (
            State.WARN,
            f"PostgreSQL {version}, random_page_cost {random_page_cost:g}",
            "Searches may read whole tables. On an SSD, set random_page_cost to 1.1.",
        )
    if user := find_powerful_web_user():
        hint = "Give the web server a database role of its own (docs/deployment.md)."
        return State.WARN, f"PostgreSQL {version}; the web server's role {user} owns the tables", hint
    return State.OK, f"PostgreSQL {version}{', embedded' if settings.EMBEDDED else ''}", ""


def check_pooler() -> CheckResult:
    """Ask the pooler itself, which this command goes past."""
    if not settings.DATABASE_POOLER:
        return State.OK, "none; direct connections", ""
    name = settings.DATABASE_POOLER.get("HOST") or "local socket"
    try:
        pooler.check_pooler()
    except pooler.UnfitPooler as error:
        return State.FAIL, f"{name}: picard.E034", str(error)
    except DATABASE_UNAVAILABLE:
        return State.FAIL, f"{name} does not answer", "Check DATABASE_URL, and that the pooler is running."
    return State.OK, f"{name}; keeps prepared statements", ""


def check_replica() -> CheckResult:
    if not settings.DATABASE_REPLICA:
        return State.OK, "none", ""
    name = settings.DATABASES[standby.ALIAS]["HOST"] or "local socket"
    if standby.is_available():
        return State.OK, f"{name} has replayed everything", ""
    hint = (
        "The primary answers all reads. Check DATABASE_REPLICA_URL: a streaming standby of this database, which is "
        "running and replays its changes within DATABASE_REPLICA_WAIT_MS. The log has the error."
    )
    return State.WARN, f"{name} is not used", hint


def check_pgvector() -> CheckResult:
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.installed_version, a.default_version from pg_available_extensions a where name = 'vector'"
        )
        installed, available = cursor.fetchone() or (None, None)
    if not installed:
        return (
            State.FAIL,
            "not installed in this database",
            "Run manage.py migrate as a role that can create extensions.",
        )
    if tuple(map(int, installed.split(".")[:2])) < VECTOR_VERSION:
        return State.FAIL, installed, "Install pgvector 0.8 or newer, then run: alter extension vector update"
    if installed != available:
        return State.WARN, f"{installed}, {available} is available", "Run: alter extension vector update"
    return State.OK, str(installed), ""


def check_migrations() -> CheckResult:
    if health.check_migrations():
        return State.OK, "all applied", ""
    return State.FAIL, "some are not applied", "Run manage.py migrate."


def check_distribution() -> CheckResult:
    if not is_distributed():
        return State.OK, "none; one database server", ""
    with acting_as_system(Role.OWNER):
        if obstacle := distribution.find_obstacle():
            return State.FAIL, "the cluster is not ready", obstacle
        if plan := distribution.build_plan(1):
            return State.FAIL, f"{len(plan)} statements are missing", "Run manage.py distribute."
        return State.OK, f"by owner, over {distribution.count_nodes()} servers", ""


def check_keys() -> CheckResult:
    from accounts.keys import get_key_status

    health.check_keys()
    status = get_key_status()
    if status.unreadable:
        return (
            State.FAIL,
            f"{status.unreadable:,} cannot be decrypted",
            "Restore all master keys (docs/security.md).",
        )
    if status.older:
        return (
            State.WARN,
            f"{status.older:,} encrypted with an older master key",
            "Run manage.py keys rotate.",
        )
    return State.OK, f"all {status.newest:,} can be decrypted", ""


def check_worker() -> CheckResult:
    metrics = _get_metrics()
    workers, pending, failed = (int(metrics[name]) for name in ("workers", "pending", "failed"))
    result = f"{workers} running; memories: {pending:,} pending, {failed:,} failed"
    if not workers:
        return (State.FAIL if pending else State.WARN), result, "Start a worker: manage.py worker"
    if metrics["oldest_pending_seconds"] > PENDING_WARN_S:
        return (
            State.WARN,
            result,
            "A memory has been pending for over ten minutes. See the worker's log, or start another worker.",
        )
    if failed:
        return State.WARN, result, "The admin site shows why each failed (docs/configuration.md)."
    return State.OK, result, ""


def check_disk_space() -> CheckResult:
    folder = next(each for each in (settings.PICARD_HOME, *settings.PICARD_HOME.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    state = State.FAIL if free < FREE_FAIL else State.WARN if free < FREE_WARN else State.OK
    return (
        state,
        f"{free / 1e9:.1f} GB free at {folder}",
        "" if state == State.OK else "Free disk space, or move PICARD_HOME.",
    )


def check_clock() -> CheckResult:
    with connection.cursor() as cursor:
        started_at = time.time()
        cursor.execute("select extract(epoch from clock_timestamp())::float8")
        skew = abs(cursor.fetchone()[0] - (started_at + time.time()) / 2)
    state = State.FAIL if skew > SKEW_FAIL_S else State.WARN if skew > SKEW_WARN_S else State.OK
    hint = "" if state == State.OK else "Synchronize the clocks of this machine and the database by NTP."
    return state, f"differs from the database's by {skew:.2f} s", hint


def check_mail() -> CheckResult:
    if not settings.HAS_MAIL:
        return State.WARN, "not sent, but saved as files in PICARD_HOME/mail", "Set EMAIL_URL."
    server = settings.EMAIL_HOST or settings.MAIL_TRANSPORT.split(".")[-2]
    status = outbox.get_queue_status()
    queue = f"{status.waiting} waiting, {status.failed} failed"
    try:
        with get_connection(settings.MAIL_TRANSPORT, timeout=10):
            pass
    except (OSError, ValueError) as error:
        code = delivery.classify_error(error)
        return State.FAIL, f"{server}: {code}; {queue}", "Check EMAIL_URL. Nothing is lost."
    if status.oldest_s > MAIL_WARN_S:
        hint = (
            "Is a worker running, with EMAIL_URL? The admin site shows each e-mail (docs/configuration.md)."
        )
        return State.WARN, f"{queue}, for {status.oldest_s / 60:.0f} minutes {status.error}".rstrip(), hint
    if status.failed:
        return State.WARN, queue, "The admin site shows why each failed (docs/configuration.md)."
    return State.OK, f"{server} accepts the log-in; {queue}", ""


def check_embeddings() -> CheckResult:
    from memories.index.dimensions import find_width_fault
    from memories.providers.embeddings import PROBE_TEXT, ProviderError, get_provider

    name = settings.EMBEDDING_PROVIDER
    if fault := find_width_fault():
        return State.FAIL, f"{name}: picard.E032", fault
    try:
        started_at = time.monotonic()
        provider = get_provider()
        provider.embed_query(PROBE_TEXT)
        seconds = time.monotonic() - started_at
        if name == "openai":
            provider.embed_documents([PROBE_TEXT] * PROBE_COUNT)  # to find out how many texts it takes
    except ProviderError as error:
        # Messages of these errors are Picard's own: they name variables and numbers, never a text or a key.
        return (
            State.FAIL,
            f"{name}: {error.code}",
            f"{str(error).rstrip('.')}. See the codes in docs/configuration.md.",
        )
    result = f"{name}, {provider.dimensions} dimensions in {seconds:.2f} s"
    habits = provider.describe_habits()
    return State.OK, f"{result}; {habits}" if habits else result, ""


def check_chat_model() -> CheckResult:
    """Ask the chat model a fixed question, without any user's text."""
    from memories.providers import chat
    from memories.providers.chat_api.errors import ChatUnavailable

    if not chat.is_configured():
        return State.OK, "none; answers quote memories", ""
    name = f"{settings.CHAT.model} at {chat.get_provider_name()}"
    try:
        probe = async_to_sync(chat.probe_chat)()
    except ChatUnavailable as error:
        return State.FAIL, f"{name}: {error.code}", "See the codes in docs/configuration.md."
    adapted = "; ".join(probe.habits.describe())
    return State.OK, f"{name}, {probe.seconds:.2f} s{f'; adapted: {adapted}' if adapted else ''}", ""


def check_openid_provider() -> CheckResult:
    """Fetch the metadata and keys of the OpenID provider, as a log-in does."""
    from accounts.openid.errors import OpenIDError
    from accounts.openid.provider import Provider

    if not settings.OPENID.issuer:
        return State.OK, "none; log-in by password and passkey", ""
    name = settings.OPENID.issuer
    try:
        with Provider(settings.OPENID).conversation() as conversation:
            metadata, keys = conversation.fetch_metadata(), conversation.fetch_keys()
    except OpenIDError as error:
        return State.FAIL, f"{name}: {error.code}", "See the codes in docs/configuration.md."
    mode = "tells when a user logged in" if metadata.announces_auth_time else "does not tell log-in times"
    return State.OK, f"{name}, {len(keys)} keys; {mode}", ""


def check_files() -> CheckResult:
    """Check that keys and unsent e-mails are private to the server's account."""
    private = [settings.KEYS_HOME, *_list_files(settings.KEYS_HOME), settings.PICARD_HOME / "mail"]
    key_files = (os.environ.get("SECRET_KEY_FILE"), os.environ.get("FIELD_ENCRYPTION_KEY_FILE"))
    private += [Path(path) for path in key_files if path]
    exposed = [path for path in private if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if exposed:
        return (
            State.FAIL,
            f"other accounts can read {', '.join(map(str, exposed))}",
            "Run chmod go= on each of them.",
        )
    if _is_shared_account(settings.PICARD_HOME / "postgres" / "data"):
        hint = "Stop Picard, create an account `picard`, and run: chown -R picard PICARD_HOME/postgres/data"
        return (
            State.WARN,
            "the database belongs to `nobody`, and so to every service that runs as nobody",
            hint,
        )
    env_file = settings.ENV_FILE
    # Group access is allowed: the group may be the server's own.
    if env_file.is_file() and stat.S_IMODE(env_file.stat().st_mode) & 0o007:
        return State.WARN, f"everyone can read {env_file}", f"It may contain keys. Run: chmod o= {env_file}"
    return State.OK, "keys and e-mails are private to this account", ""


CHECKS: tuple[Callable[[], CheckResult], ...] = (
    check_configuration, check_database, check_pooler, check_replica, check_pgvector, check_migrations,
    check_distribution, check_keys, check_worker, check_disk_space, check_clock, check_mail, check_openid_provider,
    check_embeddings, check_chat_model, check_files,
)  # fmt: skip
HINTS: dict[Callable[[], CheckResult], str] = {
    check_database: "Check DATABASE_URL, and that the database server is running.",
    check_keys: "Restore the master keys that this database was created with.",
    check_mail: "Check EMAIL_URL.",
}


def _get_metrics() -> dict[str, Any]:
    return {metric.name: metric.value for metric in stats.collect_database_metrics()}


def _is_shared_account(path: Path) -> bool:
    try:
        return path.owner() == "nobody"
    except (OSError, KeyError):  # not there, or an account without a name
        return False


def _list_files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
