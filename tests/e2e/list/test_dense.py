"""The first screen shows the memories: ten on a laptop, six on a phone, below search and quick add."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from memories.services import saved_filters, writes
from memories.services.proposals import propose_memories
from memories.services.writes import NewMemory
from tests.e2e.test_first_walk import _sign_up
from tests.factories import session

pytestmark = pytest.mark.browser
SCREENS = {"laptop": (1280, 860, 10), "phone": (390, 844, 6)}
TEXTS = (
    "I am allergic to hazelnuts and walnuts.",
    "My daughter Mia was born in May 2019 and loves dinosaurs.",
    "For work I write Python and some Rust; I prefer short functions and tests that read as promises.",
    "The plumber comes on Thursdays, and the key is with the neighbour above.",
)
COUNT_VISIBLE = """() => [...document.querySelectorAll("#results .memory")]
    .map(row => row.getBoundingClientRect()).filter(box => box.top >= 0 && box.bottom <= innerHeight).length"""


def sign_up_with(page: Page, memories: list[NewMemory]) -> User:
    """Sign up past the first steps, with these memories."""
    _sign_up(page)
    ada = User.objects.get()
    writes.create_memories(session(ada), memories)
    page.goto("/memories/")
    skip = page.get_by_role("button", name="Hide", exact=True)
    if skip.count():
        skip.click()
    expect(page.locator("#first-steps section")).to_have_count(0)
    return ada


def test_first_screen_shows_many_memories(page: Page) -> None:
    ada = sign_up_with(page, [NewMemory(TEXTS[n % 4], tags=["home", "people"][: n % 3]) for n in range(30)])
    for name in ("Everything about home", "People", "What is public"):
        saved_filters.save_filter(session(ada), name=name, parts={"q": name})
    propose_memories(session(ada), [NewMemory("I prefer tea.")], source="")
    for width, height, rows in SCREENS.values():
        page.set_viewport_size({"width": width, "height": height})
        page.goto("/memories/")
        assert page.evaluate(COUNT_VISIBLE) >= rows, (width, height)
        tops = [
            page.locator(part).evaluate("element => element.getBoundingClientRect().top")
            for part in ("#q", "#id_text", "#results .memory >> nth=0")
        ]
        assert tops == sorted(tops)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator(".list-bar .menu summary").click()  # outside of the line that scrolls
    page.get_by_role("link", name="Trash").click()
    expect(page).to_have_title("Trash · Picard")


def test_no_text_moves_under_the_pointer(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 860})
    sign_up_with(page, [NewMemory(" ".join(TEXTS)), NewMemory("אני אוהב תה")])
    page.mouse.move(0, 0)
    texts = page.locator("#results .memory-text")
    before = [text.bounding_box() for text in texts.all()]
    for row in page.locator("#results .memory").all():
        row.hover()
        expect(row.get_by_role("button", name="Delete")).to_be_visible()
        assert [text.bounding_box() for text in texts.all()] == before
