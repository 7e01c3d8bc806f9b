"""Use of a page without a mouse, where every focused element must be visible and have a focus ring; checks by axe."""

from typing import Any

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

MAX_TABS = 90  # to reach one element
# Returns what is wrong with the visibility of the focused element, or "". A hidden radio button is drawn by its label.
CHECK_FOCUS = """() => {
    const it = document.activeElement;
    if (it === document.body) return "";
    const drawn = it.matches("input[type=radio]") ? it.closest("label") : it;
    const [box] = drawn.getClientRects();
    const name = it.outerHTML.slice(0, 120);
    if (!box) return `not drawn: ${name}`;
    const middle = (from, to, end) => (Math.max(from, 0) + Math.min(to, end)) / 2;
    const x = middle(box.left, box.right, innerWidth), y = middle(box.top, box.bottom, innerHeight);
    const above = document.elementFromPoint(x, y);
    if (!above) return `out of the window: ${name}`;
    const whole = it.closest("label") ?? it;
    if (!whole.contains(above) && !above.contains(it)) return `behind ${above.outerHTML.slice(0, 60)}: ${name}`;
    const ringed = it.matches("input[type=radio]") ? it.nextElementSibling : it;
    if (it.id !== "main" && getComputedStyle(ringed).outlineStyle === "none") return `no ring: ${name}`;
    return "";
}"""


def run_axe(page: Page, options: dict[str, Any] | None = None) -> AxeResults:
    """Check the page with axe, without details of the rules that it follows, which take a third of the time."""
    return Axe().run(page, options={**(options or {}), "resultTypes": ["violations"]})


def check_themes(page: Page) -> None:
    """Check the page with axe in both themes, which differ in colors only."""
    options: dict[str, dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
    for scheme in options:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        results = run_axe(page, options[scheme])
        assert results.violations_count == 0, results.generate_report()


def check_page(page: Page) -> None:
    """Check the page with axe in both themes, and that it does not scroll sideways."""
    check_themes(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


class Keyboard:
    """The keyboard of a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.emulate_media(reduced_motion="reduce")  # no smooth scrolling to the focused element

    def press(self, key: str) -> None:
        self._page.keyboard.press(key)

    def to(self, selector: str, *, key: str = "Tab") -> None:
        """Move the focus to the next matching element and check every element on the way."""
        for _ in range(MAX_TABS):
            self.press(key)
            problem = self._page.evaluate(CHECK_FOCUS)
            assert problem == "", problem
            if self._page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
        raise AssertionError(f"{MAX_TABS} times {key} without reaching {selector}")

    def open(self, selector: str) -> None:
        """Move the focus to the element and press Enter."""
        self.to(selector)
        self.press("Enter")

    def type(self, text: str) -> None:
        self._page.keyboard.type(text)
