"""What main pages weigh, and that each is whole before any script has run: what decides on a slow line."""

import gzip
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from accounts.models import User
from accounts.profile.forms import THEME_COOKIE
from memories.services import writes
from memories.validation.drafts import NewMemory
from tests.factories import remember, session

PAGE_BYTES = 60_000  # of HTML, before it is compressed
ASSET_BYTES = 250_000  # of all that a page names, compressed
MEMORIES = 200  # on no page are more, so 10,000 weigh as much
TAGS = 150  # more than are offered in the list
# Those that the bar, the menu and the list lead to.
PAGES = (
    "/memories/", "/memories/?q=walrus", "/memories/?visibility=private", "/memories/new/", "/memories/ask/",
    "/memories/trash/", "/memories/review/", "/memories/tags/", "/memories/insights/", "/memories/import/",
    "/memories/export/", "/connect/", "/accounts/", "/accounts/apps/", "/accounts/profile/", "/help/",
)  # fmt: skip
LOADED = re.compile(
    r"<(?:script|img)[^>]* src=\"([^\"]+)|<link[^>]* href=\"([^\"]+)|<use[^>]* href=\"([^\"#]+)"
)


def test_main_pages_are_light_with_many_memories_and_tags(ada: User, ada_client: Client) -> None:
    long = " and stays until the tide is in" * 30
    many = [
        NewMemory(f"{n}. The walrus comes on Thursdays{'.' if n % 5 else long}", tags=[f"a tag {n % TAGS}"])
        for n in range(MEMORIES)
    ]
    writes.create_memories(session(ada), many)
    own = remember(ada, long * 8)
    for number in range(12):
        writes.update_memory(session(ada), own.pk, text=f"{number}{long}")
    pages = (*PAGES, f"/memories/{own.pk}/")
    weights = {address: len(ada_client.get(address).content) for address in pages}
    assert {address: weight for address, weight in weights.items() if weight >= PAGE_BYTES} == {}


@pytest.mark.parametrize("address", PAGES)
def test_a_page_waits_for_no_script_and_loads_little_of_this_site_alone(
    ada_client: Client, address: str
) -> None:
    html = ada_client.get(address).content.decode()
    scripts = re.findall(r"<script[^>]*>", html)
    assert scripts
    assert all(" src=" in script and " defer" in script for script in scripts)
    assert html.index('rel="stylesheet"') < html.index("<script")
    named = {next(filter(None, found)) for found in LOADED.findall(html)}
    assert all(each.startswith("/") and not each.startswith("//") for each in named)
    files = [_file(each) for each in named if each.startswith(settings.STATIC_URL)]
    assert len(files) >= 6
    assert sum(map(_packed, files)) < ASSET_BYTES


def test_style_sheets_load_nothing() -> None:
    for name in ("css/picard.css", "vendor/bootstrap/bootstrap.min.css"):
        sheet = _file(settings.STATIC_URL + name).read_text()
        assert set(re.findall(r"url\(\W?(\w+):?", sheet)) == {"data"}
        assert "@import" not in sheet


@pytest.mark.parametrize(
    ("cookie", "theme"), [("", "auto"), ("dark", "dark"), ("light", "light"), ("x", "auto")]
)
def test_a_page_comes_in_its_theme(client: Client, db: None, cookie: str, theme: str) -> None:
    """With `auto` the style sheet follows the device, without a script; tests/e2e looks at the colour."""
    client.cookies[THEME_COOKIE] = cookie
    assert f'data-bs-theme="{theme}"' in client.get("/").content.decode()


@cache
def _packed(file: Path) -> int:
    return len(gzip.compress(file.read_bytes()))


def _file(address: str) -> Path:
    found = finders.find(address.removeprefix(settings.STATIC_URL))
    assert found, address
    return Path(found)
