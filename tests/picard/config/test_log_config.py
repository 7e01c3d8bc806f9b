"""Logs: JSON lines with request IDs, but without users' texts and secrets."""

import ast
import asyncio
import json
import logging
import sys
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import ResolverMatch

from picard.config.log_config import JsonFormatter, request_id
from picard.observability.middleware import RequestIdMiddleware
from tests.processes import PROJECT

PACKAGES = ("accounts", "core", "memories", "oauth", "picard")
LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def find_extra_arguments() -> list[tuple[str, ast.expr]]:
    """Return the `extra` arguments of all log calls in the project, with their places."""
    paths = [path for name in PACKAGES for path in (PROJECT / name).rglob("*.py")]
    texts = [(path, text) for path in paths if "extra=" in (text := path.read_text(encoding="utf-8"))]
    calls = [
        (path, node)
        for path, text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    return [
        (f"{path}:{call.lineno}", keyword.value)
        for path, call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in LOG_METHODS
        for keyword in call.keywords
        if keyword.arg == "extra"
    ]


def test_no_log_call_passes_fields_that_the_formatter_drops() -> None:
    found = find_extra_arguments()
    assert len(found) >= 2
    for place, extra in found:
        assert isinstance(extra, ast.Dict), place
        assert [key.value for key in extra.keys if isinstance(key, ast.Constant)] == ["fields"], place


def test_record_is_one_json_object_on_one_line() -> None:
    line = _format("two\nlines %s", "here")
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("WARNING", "test", "two\nlines here")
    assert entry["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("message", "logged"),
    [
        ("Not Found: /memories/?q=my+diary", "Not Found: /memories/"),
        ('"GET /search?q=diary&x=1 HTTP/1.1" 200', '"GET /search HTTP/1.1" 200'),
        (
            "Referer https://a.example/x?token=abc does not match",
            "Referer https://a.example/x does not match",
        ),
        ("Really? Yes.", "Really? Yes."),
    ],
)
def test_query_strings_are_removed(message: str, logged: str) -> None:
    assert json.loads(_format(message))["message"] == logged


def test_exception_is_logged_with_type_and_location_but_no_message() -> None:
    diary = "dear diary"
    try:
        try:
            raise KeyError(diary)
        except KeyError as error:
            raise ValueError(diary) from error
    except ValueError:
        line = _format("failed", exc_info=sys.exc_info())
    assert diary not in line
    entry = json.loads(line)
    assert entry["exception"] == "ValueError from KeyError"
    assert entry["traceback"][0].endswith("test_exception_is_logged_with_type_and_location_but_no_message")


def test_request_gets_a_server_generated_id(caplog: pytest.LogCaptureFixture) -> None:
    ids: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        ids.append(request_id.get())
        return HttpResponse()

    request = RequestFactory().get("/", headers={"X-Request-ID": "forged"})
    response: Any = RequestIdMiddleware(view)(request)
    assert response["X-Request-ID"] == ids[0] == request.request_id  # type: ignore[attr-defined]
    assert len(ids[0]) == 32
    assert request_id.get() == ""


def test_asynchronous_request_gets_an_id() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request_id.get())

    async def send_request() -> Any:
        middleware: Any = RequestIdMiddleware(view)
        return await middleware(RequestFactory().get("/"))

    response = asyncio.run(send_request())
    assert response["X-Request-ID"] == response.content.decode()


def test_request_is_logged_on_one_line_without_query_and_secrets(caplog: pytest.LogCaptureFixture) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        request.resolver_match = ResolverMatch(view, (), {"key": "abc-123"})
        return HttpResponse(status=204)

    with caplog.at_level("INFO", "picard.request"):
        RequestIdMiddleware(view)(RequestFactory().get("/reset/abc-123/?q=diary"))
    [record] = caplog.records
    entry = json.loads(JsonFormatter().format(record))
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/reset/<key>/", 204)
    assert entry["duration_ms"] >= 0


@pytest.mark.parametrize("path", ["/accounts/restore/abc:123/", "/accounts/restore/abc:123"])
@pytest.mark.parametrize("case", ["rejected", "server error", "redirected to https"])
@pytest.mark.django_db
def test_secret_in_a_path_is_never_logged(
    case: str, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Client(raise_request_exception=False, enforce_csrf_checks=case == "rejected")
    if case == "server error":
        monkeypatch.delattr("accounts.deletion.service.get_user_by_restore_token")
    monkeypatch.setattr(settings, "SECURE_SSL_REDIRECT", case == "redirected to https")
    with caplog.at_level("INFO"):
        browser.post(path)
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert "/accounts/restore/<token>" in lines[-1]
    assert "abc:123" not in "".join(lines)


def _format(message: str, *arguments: object, exc_info: Any = None) -> str:
    record = logging.LogRecord("test", logging.WARNING, "file.py", 1, message, arguments, exc_info)
    return JsonFormatter().format(record)
