"""Six pages in every language of the pages, for phone and desktop, and what does not fit on them.

All go into a temporary folder. docs/screenshots/languages has the list of each language.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from picard.config.languages import list_languages
from tests.e2e.languages.cut_texts import FIND_CUT_TEXTS
from tests.processes import PROJECT
from tests.screenshots.demo import FOLDER, Demo, capture, log_in, new_context, settle

LANGUAGES = FOLDER / "languages"
SIZES = {"phone": (390, 844), "desktop": (1280, 860)}
PAGES = {
    "list": "/memories/",
    "ask": "/memories/ask/",
    "apps": "/accounts/apps/",
    "insights": "/memories/insights/",
    "import": "/memories/import/",
    "profile": "/accounts/profile/",
}
FONTCONFIG = {"zh-hans": "zh-cn", "zh-hant": "zh-tw"}  # its codes, where they differ from those of the pages
FONTS = "apt-get install fonts-noto-core fonts-noto-cjk"
FIND_EXCESS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def take_all(browser: Browser, demo: Demo) -> Iterator[str]:
    codes = [code for code, _name in list_languages(PROJECT / "locale")]
    missing = [code for code in codes if not _has_font(code)]
    if missing:
        yield f"No font for {', '.join(missing)}: not taken, as they would show boxes ({FONTS})"
    folder = Path(tempfile.mkdtemp(prefix="picard-languages-"))
    LANGUAGES.mkdir(exist_ok=True)
    state = log_in(browser, demo)
    for code in codes:
        if code not in missing:
            yield from _take_language(browser, demo, code, folder, state)
            shutil.copyfile(folder / f"{code}-list-desktop.webp", LANGUAGES / f"{code}.webp")
    for file in LANGUAGES.glob("*.webp"):
        if file.stem not in codes:
            file.unlink()
    yield f"All pages: {folder}"


def _take_language(browser: Browser, demo: Demo, code: str, folder: Path, state: object) -> Iterator[str]:
    faults = 0
    for size, pixels in SIZES.items():
        context = new_context(browser, demo, pixels, locale=code, storage_state=state)
        page = context.new_page()
        for name, path in PAGES.items():
            page.goto(path)
            settle(page)
            capture(page, folder / f"{code}-{name}-{size}.webp")
            for fault in _find_faults(page, code):
                faults += 1
                yield f"  {code} {name} {size}: {fault}"
        context.close()
    yield f"{code}: {len(PAGES) * len(SIZES)} pages, {faults or 'no'} faults"


def _find_faults(page: Page, code: str) -> Iterator[str]:
    language = page.locator("html").get_attribute("lang")
    if language != code:
        yield f"the page is in {language}"
    excess = page.evaluate(FIND_EXCESS)
    if excess > 0:
        yield f"{excess} px wider than the window"
    for text in page.evaluate(FIND_CUT_TEXTS):
        yield f"cut: {text}"


def _has_font(code: str) -> bool:
    """Return whether fontconfig knows a font with the language's letters. Without fontconfig, trust the system."""
    if shutil.which("fc-list") is None:
        return True
    language = FONTCONFIG.get(code, code.partition("-")[0])
    return bool(
        subprocess.run(["fc-list", f":lang={language}", "family"], capture_output=True, check=True).stdout
    )
