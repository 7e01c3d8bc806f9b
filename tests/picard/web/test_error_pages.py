"""What is said when something went wrong: helpful words, the number of the request, and nothing that was not asked."""

import re
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import User
from picard.web import views

SHARE = "/memories/share/"


def said(response: Any, status: int) -> str:
    """The page's words, after what is asked of each error page."""
    html: str = response.content.decode()
    assert response.status_code == status
    assert re.search(rf">\s*{status}\s*</p>", html)
    assert html.count("<h1>") == 1
    assert f"<code>{response['X-Request-ID']}</code>" in html
    assert "Traceback" not in html
    return html


def test_what_cannot_be_read(ada_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def suspicious(*args: Any, **kwargs: Any) -> None:
        raise SuspiciousOperation

    monkeypatch.setattr("memories.services.reads.list_memories", suspicious)
    assert "what you typed should still be there" in said(ada_client.get("/memories/"), 400)


def test_what_another_site_sent(ada_client: Client) -> None:
    assert "Nothing was changed." in said(
        ada_client.post(SHARE, headers={"sec-fetch-site": "cross-site"}), 403
    )


def test_a_form_without_its_token(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert "This page has expired" in said(strict.post("/memories/new/", {"text": "Something."}), 403)


def test_what_is_not_there(client: Client, db: None) -> None:
    assert "Check the URL" in said(client.get("/nothing/here/"), 404)


def test_too_many_tries(client: Client, db: None, settings: Settings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 1
    client.post(SHARE, {"text": "One."})
    response = client.post(SHARE, {"text": "Two."})
    assert "Wait a minute" in said(response, 429)
    assert int(response["Retry-After"]) > 0


def test_a_broken_page_says_the_number_of_its_request(
    ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("memories.services.reads.list_memories", broken)
    ada_client.raise_request_exception = False
    assert "secret words" not in said(ada_client.get("/memories/"), 500)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_broken_page_asks_no_database_and_keeps_the_theme(theme: str) -> None:
    """This test may not use the database: pytest-django would fail it."""
    request = RequestFactory().get("/memories/")
    request.COOKIES["picard_theme"] = theme
    response: HttpResponse = views.server_error(request)
    html = response.content.decode()
    assert response.status_code == 500
    assert f'data-bs-theme="{theme}"' in html
    assert re.findall(r"<form", html) == []
