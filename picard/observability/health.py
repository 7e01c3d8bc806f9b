"""Liveness and readiness endpoints. The reasons of a failure are only in the log."""

import functools
import logging
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from core.db import standby
from core.db.cancellation import has_client_disconnected
from core.db.roles import acting_as_system
from picard.database import pooler
from picard.observability.access import has_metrics_token

logger = logging.getLogger(__name__)


@require_safe
def liveness_view(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    return HttpResponse("alive\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@require_safe
def readiness_view(request: HttpRequest) -> JsonResponse:
    """Return 200 if every check is "ok", otherwise 503.

    With METRICS_TOKEN it also counts the backlog, in another connection. Anybody may poll this page, and on a small
    server the counts tell when somebody writes. That it cannot be counted, as while a node of a distributed database
    is away, makes no server unready: it still serves everybody else.
    """
    checks = {check.__name__.removeprefix("check_"): _run_check(check) for check in _list_checks()}
    is_ready = all(checks.values())
    counts = None
    if may_count := has_metrics_token(request):
        counts = _count_backlog()
        checks["backlog"] = counts is not None
    report: dict[str, object] = {
        "status": "ok" if is_ready else "failed",
        "checks": {name: "ok" if passed else "failed" for name, passed in checks.items()},
    }
    if settings.DATABASE_REPLICA:  # without it the primary reads, so this is no failure
        report["replica"] = "ok" if _run_check(check_replica) else "not used"
    if may_count:
        report["backlog"] = counts
    return JsonResponse(report, status=200 if is_ready else 503, headers={"Cache-Control": "no-store"})


def check_database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return cursor.fetchone() is not None


def check_migrations() -> bool:
    """Return whether every migration of this version is applied."""
    return _get_leaf_migrations() <= MigrationRecorder(connection).applied_migrations().keys()


def check_extension() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select from pg_extension where extname = 'vector'")
        return cursor.fetchone() is not None


def check_keys() -> bool:
    """Return True, or raise if the master keys do not decrypt this database's data keys."""
    from accounts.keys import check_master_keys

    check_master_keys()
    return True


def check_pooler() -> bool:
    """Return True, or raise if the pooler in front of the database loses prepared statements."""
    pooler.check_pooler()
    return True


def check_replica() -> bool:
    """Return whether the standby would answer reads now."""
    return standby.is_available()


def _list_checks() -> list[Callable[[], bool]]:
    checks = [check_database, check_migrations, check_extension, check_keys]
    return [*checks, check_pooler] if settings.DATABASE_POOLED else checks


@functools.cache
def _get_leaf_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _count_backlog() -> dict[str, int] | None:
    from memories.index import work_queue

    try:
        with acting_as_system():
            backlog = work_queue.get_backlog()
    except Exception:
        if not has_client_disconnected():  # which cancels statements
            logger.exception("Counting the backlog failed.")
        return None
    return {"pending": backlog.pending, "failed": backlog.failed}


def _run_check(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:
        if not has_client_disconnected():
            logger.exception("The %s check failed.", check.__name__.removeprefix("check_"))
        return False
