"""`make screenshots`: the pictures of docs/screenshots, from a temporary demo.

Without arguments: the pages in both themes for phone and desktop, and the walk. `languages`: those of every language.
"""

import sys
import time

from playwright.sync_api import sync_playwright

from tests.screenshots import languages, pages, walk
from tests.screenshots.demo import launch_browser, run_demo

KINDS = {"pages": pages.take_all, "walk": walk.film, "languages": languages.take_all}


def main(kinds: list[str]) -> None:
    if unknown := set(kinds) - set(KINDS):
        sys.exit(f"Choose of {', '.join(KINDS)}, not {', '.join(sorted(unknown))}.")
    began = time.monotonic()
    with run_demo() as demo, sync_playwright() as playwright:
        browser = launch_browser(playwright)
        sys.stdout.write(f"The demo is ready after {time.monotonic() - began:.0f} s.\n")
        for kind in kinds or ["pages", "walk"]:
            began = time.monotonic()
            for line in KINDS[kind](browser, demo):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
            sys.stdout.write(f"{kind}: {time.monotonic() - began:.0f} s\n")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
