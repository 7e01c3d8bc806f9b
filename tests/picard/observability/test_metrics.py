"""/metrics is for whoever shows the token, and says numbers alone; security.txt is for everybody."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.factories import remember

TOKEN = "t" * 40


def test_without_a_token_there_is_no_such_page() -> None:
    assert Client().get("/metrics").status_code == 404


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_who_does_not_show_the_token_is_told_nothing(settings: Settings, shown: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get(
        "/metrics", headers={"Authorization": shown}
    )  # without the db fixture a query fails
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.django_db
def test_the_figures_are_counted_and_nobody_is_named(settings: Settings, ada: User) -> None:
    settings.METRICS_TOKEN = TOKEN
    remember(ada, "I am allergic to peanuts")
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    lines = answer.content.decode().splitlines()
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert {
        "picard_people 1",
        "picard_memories 1",
        "picard_pending 1",
        "picard_failed 0",
        "picard_workers 0",
    } <= {*lines}
    assert any(line.startswith("picard_process_resident_bytes ") for line in lines)
    assert not any(word in answer.content.decode() for word in ("ada", "peanuts", str(ada.pk)))


@pytest.mark.django_db
def test_who_watches_from_within_is_not_sent_to_https(settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.SECURE_SSL_REDIRECT = TOKEN, True
    asked = Client()
    assert asked.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert [asked.get(path).status_code for path in ("/healthz", "/metrics/x", "/")] == [200, 301, 301]


def test_security_txt_names_the_operators_contact_and_expires(settings: Settings) -> None:
    assert Client().get("/.well-known/security.txt").status_code == 404
    settings.SECURITY_CONTACT = "mailto:security@example.org"
    answer = Client().get("/.well-known/security.txt")
    fields = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert fields["Contact"] == "mailto:security@example.org"
    assert fields["Canonical"] == f"{settings.PUBLIC_URL}/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=170) < left < timedelta(days=365)
