"""A silent walk through Picard as an animated WebP: every frame with its time, a drawn pointer and a caption."""

from collections.abc import Iterator
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Locator, Page

from tests.screenshots.demo import FOLDER, Demo, log_in, new_context, settle, wait_for_index

FILE = FOLDER / "walk.webp"
VIEWPORT, SCALE = (1200, 750), 0.8  # the pages' layout of a laptop, in a picture of 960 by 600
QUALITY = 55
MAX_BYTES, LENGTH_S = 2_000_000, (15, 25)
MOVE_MS, MOVE_STEPS = 40, 7
TYPE_MS, TYPE_LETTERS = 80, 3
POINTER = ((0, 0), (0, 17), (4, 13.5), (6.6, 19.5), (9.2, 18.4), (6.7, 12.6), (12, 12.6))
INK, PAPER, GREEN = (20, 32, 30), (255, 255, 255), (13, 94, 87)


class Film:
    """Frames of a page. Times are of the film: how fast the machine is makes no difference."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.times_ms: list[int] = []
        self.caption = ""
        self.pointer = (VIEWPORT[0] * 0.62, VIEWPORT[1] * 0.7)

    def show(self, time_ms: int, *, after: str = "") -> None:
        """Add a frame of what the page shows, once the selector `after` is visible."""
        if after:
            self.page.locator(after).first.wait_for()
        settle(self.page)
        self._add(self._look(), time_ms)

    def click(self, target: Locator, *, at: float = 0.5) -> None:
        """Move the pointer to `at` of the element's width, and click."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        if box is None:
            raise ValueError(f"{target} is not visible")
        start, end = self.pointer, (box["x"] + box["width"] * at, box["y"] + box["height"] / 2)
        view = self._look()
        for step in range(1, MOVE_STEPS + 1):
            share = step / MOVE_STEPS
            share = share * share * (3 - 2 * share)  # slow at both ends
            self.pointer = (
                start[0] + (end[0] - start[0]) * share,
                start[1] + (end[1] - start[1]) * share,
            )
            self._add(view, MOVE_MS)
        self._add(view, 150, is_pressed=True)
        self.page.mouse.click(*end)

    def type(self, target: Locator, text: str) -> None:
        for end in range(TYPE_LETTERS, len(text) + TYPE_LETTERS, TYPE_LETTERS):
            target.press_sequentially(text[end - TYPE_LETTERS : end])
            self._add(self._look(), TYPE_MS)

    def scroll(self, pixels: int) -> None:
        for _step in range(8):
            self.page.evaluate("pixels => scrollBy({top: pixels, behavior: 'instant'})", pixels / 8)
            self._add(self._look(), MOVE_MS)

    def save(self) -> None:
        first, *others = self.frames
        first.save(
            FILE,
            save_all=True,
            append_images=others,
            duration=self.times_ms,
            loop=0,
            quality=QUALITY,
            method=4,
            allow_mixed=True,
        )

    def _look(self) -> Image.Image:
        return Image.open(BytesIO(self.page.screenshot(animations="disabled"))).convert("RGB")

    def _add(self, view: Image.Image, time_ms: int, *, is_pressed: bool = False) -> None:
        frame = view.copy()
        draw = ImageDraw.Draw(frame, "RGBA")
        if self.caption:
            _draw_caption(draw, frame.size, self.caption)
        x, y = (self.pointer[0] * SCALE, self.pointer[1] * SCALE)
        if is_pressed:
            draw.ellipse((x - 13, y - 13, x + 13, y + 13), fill=(*GREEN, 70), outline=(*GREEN, 220), width=2)
        draw.polygon([(x + dx, y + dy) for dx, dy in POINTER], fill=INK, outline=PAPER)
        self.frames.append(frame)
        self.times_ms.append(time_ms)


def film(browser: Browser, demo: Demo) -> Iterator[str]:
    log_in(browser, demo)  # the search index is complete
    context = new_context(browser, demo, VIEWPORT, device_scale_factor=SCALE, reduced_motion="reduce")
    shown = Film(context.new_page())
    for scene in (_log_in, _save, _search, _ask, _look_at_app, _connect):
        scene(shown, demo)
    shown.save()
    context.close()
    yield f"walk.webp: {sum(shown.times_ms) / 1000:.1f} s, {len(shown.frames)} frames, {FILE.stat().st_size:,} bytes"


def _log_in(film: Film, demo: Demo) -> None:
    page = film.page
    film.caption = "Log in"
    page.goto("/accounts/login/")
    page.fill("input[name=login]", demo.email)
    film.show(500)
    film.click(page.locator("input[name=password]"), at=0.2)
    film.type(page.locator("input[name=password]"), demo.password)
    film.click(page.locator("main button.btn-main"))
    page.wait_for_url("**/memories/**")
    film.show(800, after="#rows .memory")


def _save(film: Film, demo: Demo) -> None:
    film.caption = "Save a memory"
    film.click(film.page.locator("#add textarea"), at=0.2)
    film.type(film.page.locator("#add textarea"), "Oat milk gives me a rash.")
    film.click(film.page.locator("#add button.btn-main"))
    film.show(1600, after="#rows .memory:has-text('Oat milk')")


def _search(film: Film, demo: Demo) -> None:
    film.caption = "Search by meaning"
    index = film.page.context.new_page()
    wait_for_index(index)
    index.close()
    film.click(film.page.locator("#q"), at=0.2)
    film.type(film.page.locator("#q"), "dangerous for me at dinner")
    film.show(2400, after="#results .memory:has-text('Oat milk') .why")


def _ask(film: Film, demo: Demo) -> None:
    page = film.page
    film.caption = "Ask, and see the sources"
    film.click(page.locator("nav a[href='/memories/ask/']").first)
    page.wait_for_url("**/ask/")
    film.show(400)
    film.click(page.locator("#ask textarea"), at=0.2)
    film.type(page.locator("#ask textarea"), "Which medicine must I avoid?")
    film.click(page.locator("#ask [data-send]"))
    film.show(2500, after=".citations .memory")


def _look_at_app(film: Film, demo: Demo) -> None:
    page = film.page
    film.caption = "See what an app read and wrote"
    film.click(page.locator("nav a[href='/accounts/apps/']").first)
    page.wait_for_url("**/apps/")
    film.show(700)
    film.click(page.locator("main a[href^='/accounts/apps/0']").first)
    page.wait_for_url("**/apps/0*/")
    film.show(500)
    film.scroll(900)
    film.show(1900)


def _connect(film: Film, demo: Demo) -> None:
    film.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    film.caption = "Connect an app"
    film.click(film.page.locator(".bar-connect"))
    film.page.wait_for_url("**/connect/**")
    film.show(600)
    film.click(film.page.locator(".choices a", has_text="Claude Code"))
    film.page.wait_for_url("**client=*")
    film.show(2000)


def _draw_caption(draw: ImageDraw.ImageDraw, size: tuple[int, int], text: str) -> None:
    font = ImageFont.load_default(20)
    width = draw.textlength(text, font=font)
    left, top = (size[0] - width) / 2, size[1] - 54
    draw.rounded_rectangle((left - 20, top - 10, left + width + 20, top + 32), 21, fill=(*INK, 255))
    draw.text((left, top), text, font=font, fill=PAPER)
