"""Requests as a thread of the gateway serves them, and their CPU time in this process and in PostgreSQL's."""

import io
import time
from collections.abc import Callable
from datetime import timedelta

import psutil
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.models import User
from benchmarks.corpus import CorpusOwner
from memories import scopes
from oauth.access import grants
from oauth.registration import manual as manual_registration
from oauth.tokens.families import AccessToken, new_access_token
from picard.server.wsgi import build_environ, run_application


def connect_app(person: CorpusOwner) -> str:
    """Connect an app that may read, and return its access token."""
    from django.utils import timezone

    app = manual_registration.register_app(
        name="Measured", redirect_uris=["https://app.example.org/"]
    ).application
    granted = frozenset({scopes.READ})
    grants.grant_access(person.user, app, grants.GrantOptions(granted))
    token = new_access_token(None)
    row = AccessToken(
        user=person.user,
        application=app,
        scope=scopes.READ,
        resource=[f"{settings.PUBLIC_URL}/api"],
        expires=timezone.now() + timedelta(hours=12),
    )
    row._raw_token = token
    AccessToken.objects.bulk_create([row])
    return token


def create_session_cookie(user: User) -> str:
    """Return the session cookie of a logged-in user, whose session is listed as after a log-in."""
    from allauth.usersessions.models import UserSession

    client = Client()
    client.force_login(user)
    key = client.session.session_key
    UserSession.objects.create(user=user, session_key=key, ip="127.0.0.1", user_agent="benchmark")
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def send_request(method: str, path: str, body: bytes = b"", *, query: str = "", **headers: str) -> bytes:
    """Serve a request as a thread of the gateway does. Raises RuntimeError unless the response is a 200."""
    from picard.wsgi import application

    fields = {"host": "127.0.0.1:8000", "content-type": "application/json", **headers}
    scope = {
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
    }
    response = run_application(application, build_environ(scope, io.BytesIO(body), len(body)))
    content = response.body.read()
    if response.status != 200:
        raise RuntimeError(f"{method} {path} returned {response.status}: {content[:200]!r}")
    return content


def time_calls(request: Callable[[int], object], first: int, calls: int) -> tuple[list[float], float]:
    """Return the milliseconds of each call, and the CPU time of all in milliseconds."""
    server = psutil.Process(connection.connection.info.backend_pid)
    wall, before = [], time.process_time() + _read_cpu_s(server)
    for call in range(first, first + calls):
        started_at = time.perf_counter()
        request(call)
        wall.append((time.perf_counter() - started_at) * 1000)
    return wall, (time.process_time() + _read_cpu_s(server) - before) * 1000


def _read_cpu_s(process: psutil.Process) -> float:
    """Return the CPU time to the nanosecond, where Linux tells it; psutil counts hundredths of a second."""
    try:
        with open(f"/proc/{process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9
    except OSError:
        times = process.cpu_times()
        return float(times.user + times.system)
