"""Operator metrics of the database and the web server. Only numbers, never a user's data."""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from core.db.locks import LIVE_WORKERS_SQL
from core.db.roles import acting_as_system
from picard.server.metrics_folder import shared_folder

if TYPE_CHECKING:
    import psutil

# Of rows that may be in shards, so apart from what only one node knows.
OWNED_METRICS_SQL = """
select
  (select count(*) from memories_memory where deleted_at is null) as memories,
  (select count(*) from memories_memory where deleted_at is not null) as memories_in_trash,
  (select count(*) from memories_memory where index_state = 'pending') as pending,
  (select coalesce(max(extract(epoch from now() - updated_at)), 0)::float8
   from memories_memory where index_state = 'pending') as oldest_pending_seconds,
  (select count(*) from memories_memory where index_state = 'failed') as failed,
  (select count(*) from memories_auditevent where happened_at > now() - interval '1 hour') as acts_last_hour
"""
DATABASE_METRICS_SQL = f"""
select
  (select count(*) from accounts_user where is_active) as people,
  (select count(*) from accounts_queuedemail where failed_at is null) as emails_waiting,
  (select coalesce(max(extract(epoch from now() - created_at)), 0)::float8
   from accounts_queuedemail where failed_at is null) as oldest_email_seconds,
  (select count(*) from accounts_queuedemail where failed_at is not null) as emails_failed,
  (select count(*) from oauth_appgrant) as connected_apps,
  (select count(*) from oauth2_provider_accesstoken where expires > now()) as live_tokens,
  (select count(*) from pg_stat_activity where datname = current_database()) as connections,
  (select count(distinct worker) from ({LIVE_WORKERS_SQL}) live (worker)) as workers,
  pg_database_size(current_database()) as database_bytes
"""  # noqa: S608 - built from constants # nosec B608


@dataclass(frozen=True)
class Metric:
    """One metric, with the name and help text shown by Prometheus (picard/observability/metrics.py)."""

    name: str
    help: str
    value: float


HELP = {
    "people": "Active accounts.",
    "memories": "Memories that are not in the trash.",
    "memories_in_trash": "Memories in the trash.",
    "pending": "Memories that are waiting to be indexed.",
    "oldest_pending_seconds": "Seconds since the oldest pending memory was last changed.",
    "failed": "Memories that could not be indexed.",
    "emails_waiting": "E-mails that wait for the mail server.",
    "oldest_email_seconds": "Seconds since the oldest waiting e-mail was written.",
    "emails_failed": "E-mails that the mail server refused, or that waited too long, in the last 14 days.",
    "connected_apps": "Grants of users to apps.",
    "live_tokens": "Access tokens that have not expired.",
    "acts_last_hour": "Audit events in the last hour.",
    "connections": "Connections to the database.",
    "workers": "Running indexing workers.",
    "database_bytes": "Size of the database in bytes.",
}


def collect_database_metrics() -> list[Metric]:
    """Collect all metrics of the database. With shards, connections and size are those of the one that is asked."""
    values: dict[str, float] = {}
    with acting_as_system(), connection.cursor() as cursor:
        for statement in (DATABASE_METRICS_SQL, OWNED_METRICS_SQL):
            cursor.execute(statement)
            names = [column.name for column in cursor.description]
            values |= zip(names, cursor.fetchone(), strict=True)
    return [Metric(name, text, float(values[name])) for name, text in HELP.items()]


def collect_web_server_metrics() -> list[Metric]:
    """Collect metrics of gunicorn and its workers together, or of this process if there is no gunicorn.

    The names are those of prometheus_client's collector, which covers only one process.
    """
    import psutil  # here, because it takes 7 ms and most servers are not asked for metrics

    processes = _list_web_server_processes()
    cpu_s = resident_bytes = threads = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():  # a process that has just ended
            cpu_times = process.cpu_times()
            cpu_s += cpu_times.user + cpu_times.system
            resident_bytes += process.memory_info().rss
            threads += process.num_threads()
    return [
        Metric("process_cpu_seconds_total", "CPU time of the web server's processes.", cpu_s),
        Metric("process_resident_memory_bytes", "Memory of the web server's processes.", resident_bytes),
        Metric("process_threads", "Threads of the web server's processes.", threads),
        Metric(
            "process_start_time_seconds", "Unix time of the web server's start.", processes[0].create_time()
        ),
        Metric("picard_web_processes", "Processes of the web server.", len(processes)),
    ]


def _list_web_server_processes() -> "list[psutil.Process]":
    """Return gunicorn's main process first, then its workers."""
    import psutil

    process = psutil.Process()
    server = process.parent() if shared_folder() else None
    return [server, *server.children()] if server else [process]
