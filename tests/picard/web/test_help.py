"""Help page and the keyboard shortcuts that it lists."""

import re

from django.test import Client

from accounts.models import User


def test_every_page_links_to_help(client: Client, ada_client: Client) -> None:
    for browser, url in ((client, "/"), (ada_client, "/memories/"), (client, "/nowhere/")):
        assert 'href="/help/"' in browser.get(url).content.decode()


def test_help_has_a_section_for_every_feature(client: Client, db: None) -> None:
    html = client.get("/help/").content.decode()
    anchors = re.findall(r'href="#([a-z]+)"', html.split("<h1>", 1)[1])
    assert anchors == ["memories", "who", "search", "apps", "persona", "moving", "keyboard"]
    assert all(f'id="{anchor}"' in html for anchor in anchors)


def test_every_listed_shortcut_opens_a_page(ada_client: Client) -> None:
    html = ada_client.get("/help/").content.decode()
    keys = re.findall(r"<kbd>g</kbd> <kbd>(\w)</kbd>", html)
    links = re.findall(r'href="([^"]+)"\s+data-key="(\w)"', html)
    assert sorted(keys) == sorted(key for _url, key in links)
    assert len(set(keys)) == len(keys)
    for url, _key in links:
        assert ada_client.get(url).status_code == 200


def test_shortcuts_can_be_turned_off(ada: User, client: Client, ada_client: Client) -> None:
    assert "data-shortcuts" in ada_client.get("/help/").content.decode()
    assert "data-shortcuts" not in client.get("/help/").content.decode()
    profile = {"handle": "ada-l", "time_zone": "UTC"}
    ada_client.post("/accounts/profile/", profile)
    assert "data-shortcuts" not in ada_client.get("/help/").content.decode()
    ada_client.post("/accounts/profile/", {**profile, "shortcuts_enabled": "on"})
    ada.refresh_from_db()
    assert ada.shortcuts_enabled
