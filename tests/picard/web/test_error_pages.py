"""Error pages: helpful texts with the request ID, and no internal details."""

import re
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import User
from picard.web import views

SHARE = "/memories/share/"


def check_error_page(response: Any, status: int) -> str:
    """Assert what holds for every error page, and return its HTML."""
    html: str = response.content.decode()
    assert response.status_code == status
    assert re.search(rf">\s*{status}\s*</p>", html)
    assert html.count("<h1>") == 1
    assert f"<code>{response['X-Request-ID']}</code>" in html
    assert "Traceback" not in html
    return html


def test_bad_request(ada_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def suspicious(*args: Any, **kwargs: Any) -> None:
        raise SuspiciousOperation

    monkeypatch.setattr("memories.services.reads.list_memories", suspicious)
    assert "what you typed should still be there" in check_error_page(ada_client.get("/memories/"), 400)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"text": "x" * 1_000_001}, 413, "The text is too long for this form."),
        ({f"file{n}": SimpleUploadedFile("a", b"x") for n in range(101)}, 413, "Put them into a ZIP"),
        ({f"field{n}": "x" for n in range(1_001)}, 413, "too long for this form"),
        (b"--x--", 400, "The form arrived incomplete."),
    ],
    ids=["text", "files", "fields", "boundary"],
)
def test_form_that_cannot_be_read_says_why(ada_client: Client, body: Any, status: int, text: str) -> None:
    if isinstance(body, bytes):
        response = ada_client.generic("POST", "/memories/new/", body, content_type="multipart/form-data")
    else:
        response = ada_client.post("/memories/new/", body)
    assert text in check_error_page(response, status)


def test_cross_site_request_is_denied(ada_client: Client) -> None:
    assert "Nothing was changed." in check_error_page(
        ada_client.post(SHARE, headers={"sec-fetch-site": "cross-site"}), 403
    )


def test_missing_csrf_token_says_that_the_page_expired(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert "This page has expired" in check_error_page(
        strict.post("/memories/new/", {"text": "Something."}), 403
    )


def test_unknown_page(client: Client, db: None) -> None:
    assert "Check the URL" in check_error_page(client.get("/nothing/here/"), 404)


def test_too_many_requests(client: Client, db: None, settings: Settings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 1
    client.post(SHARE, {"text": "One."})
    response = client.post(SHARE, {"text": "Two."})
    assert "Wait a minute" in check_error_page(response, 429)
    assert int(response["Retry-After"]) > 0


def test_server_error_shows_the_request_id_and_no_details(
    ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("memories.services.reads.list_memories", broken)
    ada_client.raise_request_exception = False
    assert "secret words" not in check_error_page(ada_client.get("/memories/"), 500)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_server_error_page_keeps_the_theme_without_a_database(theme: str) -> None:
    """Without the db fixture, pytest-django fails any database access."""
    request = RequestFactory().get("/memories/")
    request.COOKIES["picard_theme"] = theme
    response: HttpResponse = views.server_error(request)
    html = response.content.decode()
    assert response.status_code == 500
    assert f'data-bs-theme="{theme}"' in html
    assert re.findall(r"<form", html) == []


@pytest.mark.django_db
def test_page_for_another_host_name_says_which_one_to_open(settings: Settings) -> None:
    response = Client().get("/accounts/login/", headers={"Host": "192.168.1.10:8000"})
    assert response.status_code == 400
    assert f"Open {settings.PUBLIC_URL} instead" in " ".join(response.content.decode().split())
