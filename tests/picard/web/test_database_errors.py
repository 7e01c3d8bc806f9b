"""Database outages: the page is a 503 with an explanation, wherever in the request the error occurs."""

from typing import Any

import pytest
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpResponse
from django.test import Client

from picard.web import views

CASES = [(OperationalError, 503), (InterfaceError, 503), (DataError, 500)]


@pytest.mark.parametrize(("error", "status"), CASES)
def test_database_error_in_a_view_is_503(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: int
) -> None:
    response = _get_with_error(monkeypatch, views, "render", error)
    assert response.status_code == status
    assert response.get("Retry-After") == ("5" if status == 503 else None)
    assert (b"may not have been saved" in response.content) is (status == 503)


def test_database_error_in_a_middleware_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.sessions.middleware import SessionMiddleware

    response = _get_with_error(monkeypatch, SessionMiddleware, "process_response", OperationalError)
    assert (response.status_code, response["Retry-After"]) == (503, "5")


def _get_with_error(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, error: type[Exception]
) -> HttpResponse:
    def fail(*_: Any, **__: Any) -> None:
        raise error("the name of a person")

    monkeypatch.setattr(target, name, fail)
    response: Any = Client(raise_request_exception=False).get("/")
    assert b"the name of a person" not in response.content
    return response  # type: ignore[no-any-return]
