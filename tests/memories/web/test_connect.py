"""The page that connects apps, and the document that says the same."""

import html
import json

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from memories.web.views.connect import CLIENT_GUIDES
from picard.config.paths import PROJECT
from tests.memories.mcp.callers import app_of
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db

ADDRESS = "http://127.0.0.1:8000/mcp"


@pytest.mark.parametrize("way", CLIENT_GUIDES, ids=lambda way: way.key)
def test_each_client_is_told_this_sites_own_address(way: object, ada_client: Client) -> None:
    key = way.key  # type: ignore[attr-defined]
    page = html.unescape(ada_client.get(f"/connect/?client={key}").content.decode())
    assert way.copied(ADDRESS) in page  # type: ignore[attr-defined]
    assert f'href="?client={key}" aria-current="page"' in page


@pytest.mark.parametrize(
    ("key", "site", "is_warned"),
    [
        ("claude", "http://127.0.0.1:8000", True),
        ("chatgpt", "http://127.0.0.1:8000", True),
        ("chatgpt", "https://memory.example.org", False),
        ("cursor", "http://127.0.0.1:8000", False),
    ],
)
def test_who_calls_from_afar_cannot_reach_this_machine_and_that_is_said(
    key: str, site: str, is_warned: bool, ada_client: Client, settings: Settings
) -> None:
    settings.PUBLIC_URL = site
    page = ada_client.get(f"/connect/?client={key}").content.decode()
    assert ("from its own servers" in page) is is_warned


@pytest.mark.parametrize("way", CLIENT_GUIDES, ids=lambda way: way.key)
def test_the_document_says_the_same(way: object) -> None:
    said = " ".join((PROJECT / "docs" / "mcp.md").read_text(encoding="utf-8").split())
    copied = way.copied("https://HOST/mcp")  # type: ignore[attr-defined]
    if copied.startswith("{"):
        copied = json.dumps(json.loads(copied))
    assert all(line in said for line in copied.splitlines())


def test_whoever_is_not_signed_in_logs_in_first() -> None:
    assert Client().get("/connect/").status_code == 302
    assert Client().get("/connect/connected/").status_code == 302


def test_an_unknown_client_is_shown_the_first(ada_client: Client) -> None:
    assert b'href="?client=claude" aria-current' in ada_client.get("/connect/?client=<b>").content


def test_the_page_waits_until_an_app_used_a_memory(ada: User, ada_client: Client) -> None:
    waiting = ada_client.get("/connect/").content.decode()
    assert "Waiting for the first request" in waiting
    assert "hx-get" in waiting
    app = make_app("Notes <i>")
    allow(ada, app)
    assert "Notes &lt;i&gt; is connected" in ada_client.get("/connect/connected/?try=7").content.decode()
    app_of(ada, app=app).call("add_memory", text="Hello.")
    there = ada_client.get("/connect/connected/?try=8").content.decode()
    assert "Notes &lt;i&gt; last used your memories" in there
    assert "hx-get" not in there


def test_asking_again_ends(ada_client: Client) -> None:
    assert "hx-get" not in ada_client.get("/connect/connected/?try=200").content.decode()
    assert "hx-get" in ada_client.get("/connect/connected/?try=x").content.decode()


def test_nobody_is_told_of_anothers_apps(ada: User, bob_client: Client) -> None:
    app = make_app("Secret notes")
    app_of(ada, app=app).call("add_memory", text="Hello.")
    assert "Secret notes" not in bob_client.get("/connect/").content.decode()
