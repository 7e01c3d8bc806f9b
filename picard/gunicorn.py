"""gunicorn's configuration: `gunicorn -c python:picard.gunicorn picard.asgi:application`, as `up` runs it."""

import ctypes
import os
import socket
from contextlib import suppress
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")

from django.conf import settings

from picard.server import metrics_folder
from picard.server.limits import get_limits

# By default, glibc has a heap per thread, each of which grows to the largest batch embedded in it. A fixed trim
# threshold is not adjusted: otherwise glibc raises it when a large block is freed, and then returns less memory.
_M_ARENA_MAX, _HEAPS = -8, 2
_M_TRIM_THRESHOLD, _KEPT_BYTES = -1, 16_000_000
if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc only
    mallopt(_M_ARENA_MAX, _HEAPS)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def list_addresses() -> list[str]:
    """Return the addresses to listen on: BIND, and with 127.0.0.1 also ::1 if it is free, as `localhost` means both."""
    host = f"[{settings.BIND}]" if ":" in settings.BIND else settings.BIND
    addresses = [f"{host}:{settings.PORT}"]
    if settings.BIND == "127.0.0.1":
        with suppress(OSError), socket.socket(socket.AF_INET6) as probe:  # there may be no IPv6
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("::1", settings.PORT))
            addresses.append(f"[::1]:{settings.PORT}")
    return addresses


bind = list_addresses()
chdir = str(settings.BASE_DIR)
workers = settings.WEB_WORKERS
worker_class = "picard.server.gunicorn_worker.SharingWorker"
# Shorter than the supervisor's grace period, so that requests in flight finish before anything is killed.
graceful_timeout = 6
# The client must be the one to close an idle connection: a request sent while the server closes it is lost. Longer
# than the idle timeouts of most clients: httpx 5 s, load balancers and nginx 60 s. docs/deployment.md shortens Caddy's
# two minutes.
keepalive = 75
asgi_disconnect_grace_period = 0  # the gateway cancels what a client that has disconnected asked for
# A worker's heartbeat file must not wait for a disk that is busy with a large file.
_memory_folder = "/dev/shm"  # noqa: S108 # nosec B108 - gunicorn unlinks its file
worker_tmp_dir = _memory_folder if os.access(_memory_folder, os.W_OK | os.X_OK) else None
loglevel = "warning"  # each request is logged once, by picard/observability/middleware.py
control_socket_disable = True
# Only TRUSTED_PROXY_HOPS decides which proxies are trusted.
forwarded_allow_ips = ""


def on_starting(_server: Any) -> None:
    """Create what the workers share before the first of them is forked."""
    get_limits()
    if settings.METRICS_TOKEN:
        metrics_folder.create(worker_tmp_dir)  # in memory, so that a full disk does not affect requests


def pre_fork(_server: Any, worker: Any) -> None:
    worker.metrics_slot = metrics_folder.take_slot()


def post_fork(_server: Any, worker: Any) -> None:
    metrics_folder.use_slot(worker.metrics_slot)
    get_limits().use_process(worker.metrics_slot)


def child_exit(_server: Any, worker: Any) -> None:
    metrics_folder.free_slot(worker.metrics_slot)


def on_exit(_server: Any) -> None:
    metrics_folder.remove()
