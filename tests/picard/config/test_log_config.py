"""The log says what happened, when and in which request; never what people wrote."""

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


def test_a_record_is_one_json_object_on_one_line() -> None:
    line = _formatted("two\nlines %s", "here")
    assert "\n" not in line
    said = json.loads(line)
    assert (said["level"], said["logger"], said["message"]) == ("WARNING", "test", "two\nlines here")
    assert said["time"].endswith("+00:00")


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
def test_query_strings_are_cut_off(message: str, logged: str) -> None:
    assert json.loads(_formatted(message))["message"] == logged


def test_an_exception_shows_its_type_and_place_and_not_its_text() -> None:
    diary = "dear diary"
    try:
        try:
            raise KeyError(diary)
        except KeyError as error:
            raise ValueError(diary) from error
    except ValueError:
        line = _formatted("failed", exc_info=sys.exc_info())
    assert diary not in line
    said = json.loads(line)
    assert said["exception"] == "ValueError from KeyError"
    assert said["traceback"][0].endswith("test_an_exception_shows_its_type_and_place_and_not_its_text")


def test_every_request_gets_an_id_of_our_own(caplog: pytest.LogCaptureFixture) -> None:
    inside: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        inside.append(request_id.get())
        return HttpResponse()

    request = RequestFactory().get("/", headers={"X-Request-ID": "forged"})
    response: Any = RequestIdMiddleware(view)(request)
    assert response["X-Request-ID"] == inside[0] == request.request_id  # type: ignore[attr-defined]
    assert len(inside[0]) == 32
    assert request_id.get() == ""


def test_an_asynchronous_request_gets_one_too() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request_id.get())

    async def ask() -> Any:
        middleware: Any = RequestIdMiddleware(view)
        return await middleware(RequestFactory().get("/"))

    response = asyncio.run(ask())
    assert response["X-Request-ID"] == response.content.decode()


def test_a_request_is_one_line_without_query_and_secrets(caplog: pytest.LogCaptureFixture) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        request.resolver_match = ResolverMatch(view, (), {"key": "abc-123"})
        return HttpResponse(status=204)

    with caplog.at_level("INFO", "picard.request"):
        RequestIdMiddleware(view)(RequestFactory().get("/reset/abc-123/?q=diary"))
    [record] = caplog.records
    said = json.loads(JsonFormatter().format(record))
    assert (said["method"], said["path"], said["status"]) == ("GET", "/reset/<key>/", 204)
    assert said["duration_ms"] >= 0


@pytest.mark.parametrize("path", ["/accounts/restore/abc:123/", "/accounts/restore/abc:123"])
@pytest.mark.parametrize("case", ["refused", "broken", "sent to https"])
@pytest.mark.django_db
def test_a_secret_in_a_path_is_in_no_line_whatever_becomes_of_the_request(
    case: str, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Client(raise_request_exception=False, enforce_csrf_checks=case == "refused")
    if case == "broken":
        monkeypatch.delattr("accounts.deletion.service.get_user_by_restore_token")
    monkeypatch.setattr(settings, "SECURE_SSL_REDIRECT", case == "sent to https")
    with caplog.at_level("INFO"):
        browser.post(path)
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert "/accounts/restore/<token>" in lines[-1]
    assert "abc:123" not in "".join(lines)


def _formatted(message: str, *arguments: object, exc_info: Any = None) -> str:
    record = logging.LogRecord("test", logging.WARNING, "file.py", 1, message, arguments, exc_info)
    return JsonFormatter().format(record)
