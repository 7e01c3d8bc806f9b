"""How gunicorn serves Picard: `gunicorn -c python:picard.gunicorn picard.asgi:application`; `up` calls it so too."""

import ctypes
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")

from django.conf import settings

from picard.server import metrics_folder

# The C library would keep a heap for each thread, and each would grow to the largest batch that it ever embedded.
# A threshold that is set stays as it is: otherwise one large piece that is freed makes it keep the next ones.
_M_ARENA_MAX, _HEAPS = -8, 2
_M_TRIM_THRESHOLD, _KEPT_BYTES = -1, 16_000_000
if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc only
    mallopt(_M_ARENA_MAX, _HEAPS)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)

_host = f"[{settings.BIND}]" if ":" in settings.BIND else settings.BIND

bind = f"{_host}:{settings.PORT}"
chdir = str(settings.BASE_DIR)
workers = settings.WEB_WORKERS
worker_class = "picard.server.gunicorn_worker.SharingWorker"
# Less than the supervisor's grace, so that requests under way are answered and nothing is killed.
graceful_timeout = 6
# Whoever ends an idle connection must be the client, for a request that it sends at that moment is lost. Longer than
# most of them keep one: httpx 5 s, load balancers and nginx 60 s. Caddy's two minutes are shortened in
# docs/deployment.md.
keepalive = 75
# The sign of life of a worker must not wait for the disk on which a long file is being written.
_in_memory = "/dev/shm"  # noqa: S108 # nosec B108 - no name stays there
worker_tmp_dir = _in_memory if os.access(_in_memory, os.W_OK | os.X_OK) else None
loglevel = "warning"  # each request is logged once, by picard/observability/middleware.py
control_socket_disable = True
# Which proxies are believed is the matter of TRUSTED_PROXY_HOPS alone.
forwarded_allow_ips = ""


def on_starting(_server: Any) -> None:
    """Before the first worker is forked."""
    if settings.METRICS_TOKEN:
        metrics_folder.create(worker_tmp_dir)  # in memory, so that a full disk stops no request


def pre_fork(_server: Any, worker: Any) -> None:
    worker.metrics_slot = metrics_folder.take_slot()


def post_fork(_server: Any, worker: Any) -> None:
    metrics_folder.use_slot(worker.metrics_slot)


def child_exit(_server: Any, worker: Any) -> None:
    metrics_folder.free_slot(worker.metrics_slot)


def on_exit(_server: Any) -> None:
    metrics_folder.remove()
