"""The page to connect apps, and its agreement with docs/mcp.md."""

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


@pytest.mark.parametrize("guide", CLIENT_GUIDES, ids=lambda guide: guide.key)
def test_each_client_guide_contains_server_url(guide: object, ada_client: Client) -> None:
    key = guide.key  # type: ignore[attr-defined]
    page = html.unescape(ada_client.get(f"/connect/?client={key}").content.decode())
    assert guide.copied(ADDRESS) in page  # type: ignore[attr-defined]
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
def test_cloud_client_shows_warning_without_https(
    key: str, site: str, is_warned: bool, ada_client: Client, settings: Settings
) -> None:
    settings.PUBLIC_URL = site
    page = ada_client.get(f"/connect/?client={key}").content.decode()
    assert ("from its own servers" in page) is is_warned


@pytest.mark.parametrize("guide", CLIENT_GUIDES, ids=lambda guide: guide.key)
def test_mcp_document_contains_each_client_configuration(guide: object) -> None:
    document = " ".join((PROJECT / "docs" / "mcp.md").read_text(encoding="utf-8").split())
    copied = guide.copied("https://HOST/mcp")  # type: ignore[attr-defined]
    if copied.startswith("{"):
        copied = json.dumps(json.loads(copied))
    assert all(line in document for line in copied.splitlines())


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_page_has_the_name_of_the_server_that_was_requested(host: str, ada_client: Client) -> None:
    """The app then sends the user to the name where they are logged in."""
    page = ada_client.get("/connect/?client=claude", headers={"host": host}).content.decode()
    assert f"http://{host}/mcp" in page


@pytest.mark.parametrize("guide", CLIENT_GUIDES, ids=lambda guide: guide.key)
def test_links_of_guides_to_this_site_exist(guide: object, ada_client: Client) -> None:
    link = guide.link(ADDRESS) if guide.link else "https:"  # type: ignore[attr-defined]
    assert not link.startswith("/") or ada_client.get(link).status_code == 200


def test_connect_pages_require_login() -> None:
    assert Client().get("/connect/").status_code == 302
    assert Client().get("/connect/connected/").status_code == 302


def test_unknown_client_shows_first_guide(ada_client: Client) -> None:
    assert b'href="?client=claude" aria-current' in ada_client.get("/connect/?client=<b>").content


def test_page_polls_until_an_app_used_a_memory(ada: User, ada_client: Client) -> None:
    html = ada_client.get("/connect/").content.decode()
    assert "Waiting for the first request" in html
    assert "hx-get" in html
    app = make_app("Notes <i>")
    allow(ada, app)
    assert "Notes &lt;i&gt; is connected" in ada_client.get("/connect/connected/?try=7").content.decode()
    app_of(ada, app=app).call("add_memory", text="Hello.")
    html = ada_client.get("/connect/connected/?try=8").content.decode()
    assert "Notes &lt;i&gt; last used your memories" in html
    assert "hx-get" not in html


def test_polling_stops_after_limit(ada_client: Client) -> None:
    assert "hx-get" not in ada_client.get("/connect/connected/?try=200").content.decode()
    assert "hx-get" in ada_client.get("/connect/connected/?try=x").content.decode()


def test_another_users_apps_are_not_shown(ada: User, bob_client: Client) -> None:
    app = make_app("Secret notes")
    app_of(ada, app=app).call("add_memory", text="Hello.")
    assert "Secret notes" not in bob_client.get("/connect/").content.decode()
