"""A database that does not answer is a 503 with words, wherever in the request it was asked."""

from typing import Any

import pytest
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpResponse
from django.test import Client

from picard.web import views

CASES = [(OperationalError, 503), (InterfaceError, 503), (DataError, 500)]


@pytest.mark.parametrize(("error", "status"), CASES)
def test_a_view_that_cannot_reach_the_database(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: int
) -> None:
    answer = _answer_when(monkeypatch, views, "render", error)
    assert answer.status_code == status
    assert answer.get("Retry-After") == ("5" if status == 503 else None)
    assert (b"may not have been saved" in answer.content) is (status == 503)


def test_a_middleware_that_cannot_reach_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.sessions.middleware import SessionMiddleware

    answer = _answer_when(monkeypatch, SessionMiddleware, "process_response", OperationalError)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def _answer_when(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, error: type[Exception]
) -> HttpResponse:
    def fail(*_: Any, **__: Any) -> None:
        raise error("the name of a person")

    monkeypatch.setattr(place, name, fail)
    answer: Any = Client(raise_request_exception=False).get("/")
    assert b"the name of a person" not in answer.content
    return answer  # type: ignore[no-any-return]
