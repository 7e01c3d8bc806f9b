"""A person without a mouse: they press Tab, Enter, Space and arrows and type, and always see where they are."""

from playwright.sync_api import Page

MOST_TABS = 90  # to one place
# Of what has the focus: its name, and what is wrong with how it is seen. A hidden radio button is drawn by its label.
LOOK = """() => {
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


class Keyboard:
    def __init__(self, page: Page) -> None:
        self._page = page
        page.emulate_media(reduced_motion="reduce")  # else a page is still sliding to what has the focus

    def press(self, key: str) -> None:
        self._page.keyboard.press(key)

    def to(self, selector: str, *, key: str = "Tab") -> None:
        """On to the next place of that kind; every place on the way is looked at."""
        for _ in range(MOST_TABS):
            self.press(key)
            wrong = self._page.evaluate(LOOK)
            assert wrong == "", wrong
            if self._page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
        raise AssertionError(f"{MOST_TABS} times {key}, and no {selector}")

    def open(self, selector: str) -> None:
        """Go there and press Enter."""
        self.to(selector)
        self.press("Enter")

    def type(self, text: str) -> None:
        self._page.keyboard.type(text)
