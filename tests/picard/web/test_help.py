"""The help page, and the single keys that it lists."""

import re

from django.test import Client

from accounts.models import User


def test_every_page_leads_to_help(client: Client, ada_client: Client) -> None:
    for visitor, address in ((client, "/"), (ada_client, "/memories/"), (client, "/nowhere/")):
        assert 'href="/help/"' in visitor.get(address).content.decode()


def test_help_speaks_of_what_there_is(client: Client, db: None) -> None:
    html = client.get("/help/").content.decode()
    anchors = re.findall(r'href="#([a-z]+)"', html.split("<h1>", 1)[1])
    assert anchors == ["memories", "who", "search", "apps", "persona", "moving", "keyboard"]
    assert all(f'id="{anchor}"' in html for anchor in anchors)


def test_each_key_that_is_listed_leads_somewhere(ada_client: Client) -> None:
    html = ada_client.get("/help/").content.decode()
    listed = re.findall(r"<kbd>g</kbd> <kbd>(\w)</kbd>", html)
    places = re.findall(r'href="([^"]+)" data-key="(\w)"', html)
    assert sorted(listed) == sorted(key for _address, key in places)
    assert len(set(listed)) == len(listed)
    for address, _key in places:
        assert ada_client.get(address).status_code == 200


def test_single_keys_can_be_turned_off(ada: User, client: Client, ada_client: Client) -> None:
    assert "<body data-shortcuts" in ada_client.get("/help/").content.decode()
    assert "<body data-shortcuts" not in client.get("/help/").content.decode()
    profile = {"handle": "ada-l", "time_zone": "UTC"}
    ada_client.post("/accounts/profile/", profile)
    assert "<body data-shortcuts" not in ada_client.get("/help/").content.decode()
    ada_client.post("/accounts/profile/", {**profile, "shortcuts_enabled": "on"})
    ada.refresh_from_db()
    assert ada.shortcuts_enabled
