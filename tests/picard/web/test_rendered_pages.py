"""Pages stay as they are while only their speed changes: page_digests.txt has a digest of the HTML of each.

After an intended change of a page, record its new digest with the command that a failure shows. That also keeps the
HTML itself in the folder of the test database, so that the next failure can show what differs.
"""

import hashlib
import os
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from tests.picard.web.rendered_pages import (
    create_demo,
    fixed_time,
    list_pages,
    log_in,
    number_ids,
    render_page,
)

DIGESTS = Path(__file__).with_name("page_digests.txt")
COMMAND = "PICARD_PAGES=write python -m pytest tests/picard/web/test_rendered_pages.py"
OTHERS = {"htmx": {"HX-Request": "true"}, "de": {"Accept-Language": "de"}, "ar": {"Accept-Language": "ar"}}
SHOWN_LINES, SHOWN_PAGES = 12, 8  # of the differences


@pytest.mark.slow
@pytest.mark.django_db
def test_every_page_of_the_demo_has_the_recorded_html() -> None:
    with fixed_time():
        pages = dict(_render_pages(create_demo()))
    assert len(pages) > 200
    if os.environ.get("PICARD_PAGES") == "write":
        _record(pages)
    digests = {name: _digest(text) for name, text in pages.items()}
    recorded = dict(line.rsplit(" ", 1) for line in DIGESTS.read_text(encoding="utf-8").splitlines())
    changed = [name for name in sorted({*digests, *recorded}) if digests.get(name) != recorded.get(name)]
    differences = [_describe_difference(name, pages.get(name, "")) for name in changed[:SHOWN_PAGES]]
    assert not changed, "\n".join([f"{len(changed)} pages differ. If intended: {COMMAND}", *differences])


def _render_pages(maya: User) -> Iterator[tuple[str, str]]:
    """Yield name and text of each page as different people see it, in other languages and as htmx asks for it."""
    numbers: dict[str, int] = {}
    for who, client in (("maya", log_in(maya)), ("nobody", Client())):
        shown = []
        for path in list_pages(maya):
            if text := render_page(client, path, {}):
                shown.append(path)
                yield number_ids(f"{who} {path}", numbers), text
        for name, headers in OTHERS.items():
            for path in shown:
                if name != "htmx" or path.startswith("/memories/"):
                    yield number_ids(f"{who}-{name} {path}", numbers), render_page(client, path, headers)


def _record(pages: dict[str, str]) -> None:
    lines = (f"{name} {_digest(text)}\n" for name, text in sorted(pages.items()))
    DIGESTS.write_text("".join(lines), encoding="utf-8")
    _get_file("").parent.mkdir(exist_ok=True)
    for name, text in pages.items():
        _get_file(name).write_text(text, encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _get_file(name: str) -> Path:
    """Return where the HTML of a page is kept."""
    return Path(settings.PICARD_HOME, "pages", f"{_digest(name)}.txt")


def _describe_difference(name: str, text: str) -> str:
    file = _get_file(name)
    before = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = list(unified_diff(before, text.splitlines(), name, "now", n=1, lineterm="")) if before else [name]
    return "\n".join(lines[:SHOWN_LINES])
