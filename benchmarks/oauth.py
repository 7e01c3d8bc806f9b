"""CPU time of API and token requests in this process, compared to the OAuth toolkit and DRF."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone

from benchmarks import api, corpus
from benchmarks.clock import CALLS, CPU, FEW_CALLS, Times, measure_in_turns
from benchmarks.corpus import CorpusOwner
from benchmarks.report import Report
from oauth import client_secrets
from oauth.access import grants
from oauth.models import TokenFamily
from oauth.registration import manual as apps
from oauth.tokens.families import (
    AccessToken,
    RefreshToken,
    derive_family_id,
    new_access_token,
    new_refresh_token,
)
from oauth.toolkit.server import get_oauth_backend

SEED = 20_245
MEMORIES = 200
ROUNDS, QUICK_ROUNDS = 30, 1
STOCK_URLS = "benchmarks.servers.stock"


def run_benchmark(*, quick: bool, log_progress: Callable[[str], None]) -> Report:
    import numpy as np

    report = Report("CPU time of app requests")
    random: np.random.Generator = np.random.default_rng(SEED)
    person = corpus.create_owner("reader", MEMORIES, random)
    corpus.write_corpus([person], "picard", random)
    log_progress("measuring CPU time")
    report_cpu_costs(
        report, person, rounds=QUICK_ROUNDS if quick else ROUNDS, calls=FEW_CALLS if quick else CALLS
    )
    return report


def report_cpu_costs(report: Report, person: CorpusOwner, *, rounds: int, calls: int) -> None:
    """Measure the token endpoint first: the stock list then installs the toolkit's own classes in this process."""
    with _disable_logging():
        _report_secrets(report, _measure_secrets(person, rounds, calls))
        _report_lists(report, _measure_lists(person, rounds, calls))


def _measure_secrets(person: CorpusOwner, rounds: int, calls: int) -> dict[str, Times]:
    app = apps.register_app(name="Confidential", redirect_uris=["https://benchmark.example/callback"])
    stock, stored = PBKDF2PasswordHasher(), client_secrets.hash_secret(app.secret)
    encoded = stock.encode(app.secret, "salt")
    refresh = _build_refresher(person, app)
    return measure_in_turns(
        {
            "stock hasher": lambda _: stock.verify(app.secret, encoded),
            "secret check": lambda _: client_secrets.verify_secret(app.secret, stored),
            "token request": lambda _: refresh(),
        },
        rounds=max(1, rounds // 10),
        calls=calls,
        clock=CPU,
    )


def _build_refresher(person: CorpusOwner, app: apps.RegisteredApp) -> Callable[[], None]:
    """Return a function that refreshes the token with the app's secret, through the whole site."""
    get_oauth_backend()  # cached now, while the settings still name Picard's classes
    handler = WSGIHandler()
    form = {
        "grant_type": "refresh_token",
        "client_id": app.application.client_id,
        "client_secret": app.secret,
    }
    latest_token = [_create_refresh_token(person, app)]

    def refresh() -> None:
        body = urlencode({**form, "refresh_token": latest_token[0]}).encode()
        latest_token[0] = _send_request(handler, "POST", "/oauth/token/", body=body)["refresh_token"]

    return refresh


def _create_refresh_token(person: CorpusOwner, app: apps.RegisteredApp) -> str:
    """Create a refresh token as the authorization code flow would."""
    grants.grant_access(person.user, app.application, grants.GrantOptions(frozenset({"memories:read"})))
    family = TokenFamily.objects.create(pk=derive_family_id("benchmark"))
    common_fields = {
        "user": person.user,
        "application": app.application,
        "resource": [f"{settings.PUBLIC_URL}/api"],
    }
    access = AccessToken(scope="memories:read", expires=timezone.now() + timedelta(hours=1), **common_fields)
    access._raw_token = new_access_token(None)
    access.save()
    token = new_refresh_token(None)
    refresh = RefreshToken(access_token=access, token_family=family.pk, **common_fields)
    refresh._raw_token = token
    refresh.save()
    return token


def _measure_lists(person: CorpusOwner, rounds: int, calls: int) -> dict[str, Times]:
    picard_token, stock = (
        api.create_access_token(person, f"{settings.PUBLIC_URL}/api"),
        api.create_access_token(person),
    )
    handler, picard_urls = WSGIHandler(), settings.ROOT_URLCONF
    path_of_one = f"/api/v1/memories/{person.ids[-1]}/"

    def request_list(urls: str, path: str, token: str) -> None:
        settings.ROOT_URLCONF = urls
        assert len(_send_request(handler, "GET", path, token=token)["results"]) == 10  # noqa: S101

    def read_one() -> None:
        settings.ROOT_URLCONF = picard_urls
        assert _send_request(handler, "GET", path_of_one, token=picard_token)["text"]  # noqa: S101

    try:
        return measure_in_turns(
            {
                api.LIST: lambda _: request_list(picard_urls, "/api/v1/memories/?limit=10", picard_token),
                api.READ: lambda _: read_one(),
                api.STOCK_LIST: lambda _: request_list(STOCK_URLS, "/stock/memories/?limit=10", stock),
            },
            rounds=rounds,
            calls=calls,
            clock=CPU,
        )
    finally:
        settings.ROOT_URLCONF = picard_urls


def _send_request(handler: WSGIHandler, method: str, url: str, *, token: str = "", body: bytes = b"") -> Any:
    """Send a request through the WSGI handler and return the JSON of the response."""
    path, _mark, query = url.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if body else "",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    if token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    response = handler(environ, _start_response)
    body_bytes = b"".join(response)
    response.close()
    return json.loads(body_bytes)


def _start_response(
    _status: str, _headers: list[tuple[str, str]], _error: object = None, /
) -> Callable[[bytes], object]:
    """Ignore the response headers, as WSGI's start_response."""
    return io.BytesIO().write


@contextmanager
def _disable_logging() -> Iterator[None]:
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _report_secrets(report: Report, times_by_operation: dict[str, Times]) -> None:
    table = report.add_table(
        "Authentication of a confidential client: CPU, ms", "operation", "p50", "relative to the stock hasher"
    )
    stock = times_by_operation["stock hasher"].p50
    for operation, times in times_by_operation.items():
        table.rows.append((operation, times.p50, times.p50 / stock))
    report.add_bar(
        "secret check: CPU relative to the stock hasher",
        times_by_operation["secret check"].p50 / stock,
        1 / 20,
        " ×",
    )
    report.add_bar(
        "complete token request: CPU relative to the stock hasher",
        times_by_operation["token request"].p50 / stock,
        1 / 20,
        " ×",
    )


def _report_lists(report: Report, times_by_operation: dict[str, Times]) -> None:
    table = report.add_table(
        "Reads by token, including middleware: CPU, ms", "operation", "p50", "p99", "ratio"
    )
    stock = times_by_operation[api.STOCK_LIST].p50
    for operation, times in times_by_operation.items():
        table.rows.append((operation, times.p50, times.p99, times.p50 / stock))
    for operation, bar in ((api.LIST, 0.3), (api.READ, 0.25)):
        share = times_by_operation[operation].p50 / stock
        report.add_bar(f"{operation} by token: CPU relative to the stock list", share, bar, " ×")
