"""What an operator counts: figures of the database and of the web server. Numbers alone, never a person's data."""

import contextlib
from dataclasses import dataclass

import psutil
from django.db import connection

from core.db.locks import LIVE_WORKERS_SQL
from picard.server.metrics_folder import shared_folder

DATABASE_METRICS_SQL = f"""
select
  (select count(*) from accounts_user where is_active) as people,
  (select count(*) from memories_memory where deleted_at is null) as memories,
  (select count(*) from memories_memory where deleted_at is not null) as memories_in_trash,
  (select count(*) from memories_memory where index_state = 'pending') as pending,
  (select coalesce(max(extract(epoch from now() - updated_at)), 0)::float8
   from memories_memory where index_state = 'pending') as oldest_pending_seconds,
  (select count(*) from memories_memory where index_state = 'failed') as failed,
  (select count(*) from oauth_appgrant) as connected_apps,
  (select count(*) from oauth2_provider_accesstoken where expires > now()) as live_tokens,
  (select count(*) from memories_auditevent where happened_at > now() - interval '1 hour') as acts_last_hour,
  (select count(*) from pg_stat_activity where datname = current_database()) as connections,
  (select count(distinct worker) from ({LIVE_WORKERS_SQL}) live (worker)) as workers,
  pg_database_size(current_database()) as database_bytes
"""  # noqa: S608 - put together from constants # nosec B608


@dataclass(frozen=True)
class Metric:
    """`name` and `help` as Prometheus shows them (picard/observability/metrics.py)."""

    name: str
    help: str
    value: float


HELP = {
    "people": "Active accounts.",
    "memories": "Memories that are not in the trash.",
    "memories_in_trash": "Memories in the trash.",
    "pending": "Memories that wait for their vectors.",
    "oldest_pending_seconds": "Seconds since the longest waiting of them was last changed.",
    "failed": "Memories whose vectors the worker gave up.",
    "connected_apps": "Grants that people gave to apps.",
    "live_tokens": "Access tokens that have not expired.",
    "acts_last_hour": "Lines of the audit of the last hour.",
    "connections": "Connections to the database.",
    "workers": "Indexing workers at work.",
    "database_bytes": "Size of the database.",
}


def collect_database_metrics() -> list[Metric]:
    """By one statement."""
    with connection.cursor() as cursor:
        cursor.execute(DATABASE_METRICS_SQL)
        values = cursor.fetchone()
        names = [column.name for column in cursor.description]
    return [Metric(name, HELP[name], float(value)) for name, value in zip(names, values, strict=True)]


def of_web_server() -> list[Metric]:
    """Of gunicorn and its workers together; of this process where there is no gunicorn.

    The names are those of prometheus_client's own collector, which knows one process only.
    """
    processes = _web_server_processes()
    cpu_s = resident_bytes = threads = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():  # one that ends just now
            used = process.cpu_times()
            cpu_s += used.user + used.system
            resident_bytes += process.memory_info().rss
            threads += process.num_threads()
    return [
        Metric("process_cpu_seconds_total", "Processor time of the web server's processes.", cpu_s),
        Metric("process_resident_memory_bytes", "Memory of the web server's processes.", resident_bytes),
        Metric("process_threads", "Threads of the web server's processes.", threads),
        Metric(
            "process_start_time_seconds", "Unix time of the web server's start.", processes[0].create_time()
        ),
        Metric("picard_web_processes", "Processes of the web server.", len(processes)),
    ]


def _web_server_processes() -> list[psutil.Process]:
    """gunicorn's own first."""
    process = psutil.Process()
    server = process.parent() if shared_folder() else None
    return [server, *server.children()] if server else [process]
