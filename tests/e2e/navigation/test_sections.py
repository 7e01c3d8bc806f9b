"""The header on phones and desktops, with labels of any language, and what the Memories page leads to."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_first_walk import _sign_up

pytestmark = pytest.mark.browser
SIZES = ((320, 640), (390, 844), (600, 800), (1280, 860))
PHONE_WIDTH, TARGET_PX = 390, 44
TARGETS = ".bar a:not(.brand), .bar summary, .page-actions .act"
TWO_ROWS_PX = 116
# Labels of the interface's languages, among the longest, and a long name.
RUSSIAN = ("Воспоминания", "Спросить", "Приложения", "Обзор", "Подключить приложение", "Benachrichtigungen")
FRENCH = (
    "Souvenirs",
    "Demander",
    "Applications",
    "Vue d’ensemble",
    "Connecter une application",
    "Jean-Baptiste",
)
SET_LABELS = """labels => document.querySelectorAll(".bar-nav span:not([class]), .bar-connect span, .menu-name")
    .forEach((each, index) => each.textContent = labels[index])"""
IS_CUT = """() => [...document.querySelectorAll(".bar-nav span:not([class]), .bar-connect span")]
    .some(each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display != "inline")"""


def test_header_fits_every_width_with_long_labels(page: Page) -> None:
    _sign_up(page)
    page.goto("/memories/")
    for labels in ((), RUSSIAN, FRENCH):
        if labels:
            page.evaluate(SET_LABELS, list(labels))
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, labels)
            assert not page.evaluate(IS_CUT), (width, labels)
            bar = page.locator(".bar").bounding_box()
            assert bar is not None
            assert bar["height"] <= TWO_ROWS_PX, (width, labels)
            if width <= PHONE_WIDTH:
                targets = [each for each in page.locator(TARGETS).all() if each.is_visible()]
                heights = [box["height"] for each in targets if (box := each.bounding_box())]
                assert len(heights) >= 8
                assert min(heights) >= TARGET_PX


def test_menu_of_the_memories_page_opens_the_trash(page: Page) -> None:
    _sign_up(page)
    page.locator(".page-actions summary").click()
    page.locator(".page-actions").get_by_role("link", name="Trash").click()
    expect(page.get_by_role("heading", name="Trash", exact=True)).to_be_visible()
    expect(page.locator(".sections [aria-current=true]")).to_have_text("Memories")
    page.get_by_role("link", name="Connect an app").first.click()
    expect(page.get_by_role("heading", name="Connect an app")).to_be_visible()
