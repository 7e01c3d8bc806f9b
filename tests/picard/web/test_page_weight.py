"""Page weight: main pages are small and complete before any script runs, for slow connections."""

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

PAGE_BYTES = 60_000  # of uncompressed HTML
ASSET_BYTES = 250_000  # of a page's assets, compressed
MEMORIES = 200  # no page shows more, so 10,000 make no difference
TAGS = 150  # more than the list offers
# Pages linked from the navigation bar, the menu and the list.
PAGES = (
    "/memories/", "/memories/?q=walrus", "/memories/?visibility=private", "/memories/new/", "/memories/ask/",
    "/memories/trash/", "/memories/review/", "/memories/tags/", "/memories/insights/",
    "/memories/insights/map/", "/memories/import/", "/memories/export/", "/connect/", "/accounts/",
    "/accounts/apps/", "/accounts/profile/", "/help/",
)  # fmt: skip
LOADED = re.compile(
    r"<(?:script|img)[^>]* src=\"([^\"]+)|<link[^>]* href=\"([^\"]+)|<use[^>]* href=\"([^\"#]+)"
)


def test_main_pages_are_small_with_many_memories_and_tags(ada: User, ada_client: Client) -> None:
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
    sizes = {url: len(ada_client.get(url).content) for url in pages}
    assert {url: size for url, size in sizes.items() if size >= PAGE_BYTES} == {}


@pytest.mark.parametrize("url", PAGES)
def test_page_defers_scripts_and_loads_few_assets_from_this_site(ada_client: Client, url: str) -> None:
    html = ada_client.get(url).content.decode()
    scripts = re.findall(r"<script[^>]*>", html)
    assert scripts
    assert all(" src=" in script and (" defer" in script or "module" in script) for script in scripts)
    assert html.index('rel="stylesheet"') < html.index("<script")
    assets = {next(filter(None, groups)) for groups in LOADED.findall(html)}
    assert all(asset.startswith("/") and not asset.startswith("//") for asset in assets)
    files = [_find_file(asset) for asset in assets if asset.startswith(settings.STATIC_URL)]
    assert len(files) >= 6
    assert sum(map(_get_compressed_size, files)) < ASSET_BYTES


def test_style_sheets_load_nothing() -> None:
    for name in ("css/picard.css", "vendor/bootstrap/bootstrap.min.css"):
        sheet = _find_file(settings.STATIC_URL + name).read_text()
        assert set(re.findall(r"url\(\W?(\w+):?", sheet)) == {"data"}
        assert "@import" not in sheet


@pytest.mark.parametrize(
    ("cookie", "theme"), [("", "auto"), ("dark", "dark"), ("light", "light"), ("x", "auto")]
)
def test_page_is_rendered_in_its_theme(client: Client, db: None, cookie: str, theme: str) -> None:
    """With `auto`, the style sheet follows the device without a script; tests/e2e checks the color."""
    client.cookies[THEME_COOKIE] = cookie
    assert f'data-bs-theme="{theme}"' in client.get("/").content.decode()


@cache
def _get_compressed_size(file: Path) -> int:
    return len(gzip.compress(file.read_bytes()))


def _find_file(url: str) -> Path:
    path = finders.find(url.removeprefix(settings.STATIC_URL))
    assert path, url
    return Path(path)
