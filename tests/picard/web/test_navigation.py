"""The header: sections, the section of a page, and what waits for approval."""

import re
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from memories.errors import ApprovalRequired
from memories.services import writes
from memories.validation.drafts import NewMemory
from picard.config.paths import PROJECT
from tests.factories import app, remember

PLAIN_PAGES = ("500.html", "503.html")  # rendered without the request


def list_sections(html: str) -> list[tuple[str, str]]:
    """Return text and aria-current of the header's links."""
    [nav] = re.findall(r'<nav class="bar-nav sections".*?</nav>', html, re.DOTALL)
    links = re.findall(r"<a ([^>]*)>.*?<span>([^<]*)</span>", nav, re.DOTALL)
    return [
        (text, (re.findall(r'aria-current="(\w+)"', attributes) or [""])[0]) for attributes, text in links
    ]


def test_header_lists_the_sections_on_every_page(ada_client: Client) -> None:
    for url in ("/memories/", "/help/", "/accounts/profile/", "/nowhere/"):
        sections = list_sections(ada_client.get(url).content.decode())
        assert [text for text, _current in sections] == ["Memories", "Ask", "Apps", "Insights"]


@pytest.mark.parametrize(
    ("url", "section", "current"),
    [
        ("/memories/", "Memories", "page"),
        ("/memories/trash/", "Memories", "true"),
        ("/memories/import/", "Memories", "true"),
        ("/memories/ask/", "Ask", "page"),
        ("/accounts/apps/", "Apps", "page"),
        ("/accounts/tokens/", "Apps", "true"),
        ("/developer/", "Apps", "true"),
        ("/connect/", "Apps", "true"),
        ("/memories/insights/", "Insights", "page"),
        ("/accounts/", "", ""),
        ("/nowhere/", "", ""),
    ],
)
def test_page_says_which_section_it_is_in(ada_client: Client, url: str, section: str, current: str) -> None:
    marked = [each for each in list_sections(ada_client.get(url).content.decode()) if each[1]]
    assert marked == ([(section, current)] if section else [])


def test_apps_page_starts_with_connecting_one(ada_client: Client) -> None:
    main = ada_client.get("/accounts/apps/").content.decode().split("<main", 1)[1]
    assert re.findall(r'<a class="btn[^>]* href="([^"]+)"', main)[0] == "/connect/"


def test_memories_page_leads_to_everything_about_memories(ada: User, ada_client: Client) -> None:
    remember(ada, "I like tea.")
    [actions] = re.findall(
        r'<nav class="page-actions".*?</nav>', ada_client.get("/memories/").content.decode(), re.DOTALL
    )
    for page in ("review", "import", "tags", "context", "export", "trash"):
        assert f'href="/memories/{page}/"' in actions


def test_count_of_proposals_is_shown_with_review_and_in_the_header(ada: User, ada_client: Client) -> None:
    with pytest.raises(ApprovalRequired):
        writes.create_memories(app(ada, asks_first=True), [NewMemory("I moved to Lyon.")])
    html = ada_client.get("/memories/").content.decode()
    for links in (r'<nav class="bar-nav sections".*?</nav>', r'<nav class="page-actions".*?</nav>'):
        [found] = re.findall(links, html, re.DOTALL)
        assert re.search(
            r'chip-wait">\s*<span aria-hidden="true">1</span>\s*<span class="visually-hidden">\s*1 pending',
            found,
        )


def list_page_templates() -> list[Path]:
    folder = PROJECT / "templates"
    return [path for path in folder.rglob("*.html") if "{% extends" in path.read_text()]


def test_every_page_has_the_header_that_leads_to_the_connect_page() -> None:
    """Only pages without the request replace it, by one that leads there too."""
    for path in list_page_templates():
        text = path.read_text()
        if "{% block header %}" in text:
            assert path.name in PLAIN_PAGES
            assert 'include "components/plain_header.html"' in text
