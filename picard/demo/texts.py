"""Parser of the sample memories: one per line below a heading with its theme, with marks before the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MARKS = re.compile(
    r"(?:(?:(?P<public>!)|(?P<trashed>-)|(?P<newer>>)|(?P<recent>\+)|@(?P<app>[a-z]+)|~(?P<days>\d+)) )+"
)


@dataclass(frozen=True)
class Sample:
    """A sample memory.

    texts: its versions, oldest first; app: its author; days: until it expires; is_newer: it replaces the one before.
    is_recent: it was saved days ago, and another one says nearly the same.
    """

    theme: str
    texts: tuple[str, ...]
    is_public: bool = False
    is_trashed: bool = False
    is_newer: bool = False
    is_recent: bool = False
    app: str | None = None
    days: int | None = None


def read_samples() -> Iterator[Sample]:
    """Yield the samples.

    Marks: `!` public, `-` in the trash, `>` replaces the one above, `+` recent, `@app` by that app, `~30` expires in 30
    days.

    ` => ` separates the versions of a text.
    """
    theme = ""
    for line in (HERE / "memories.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            theme = line[2:]
        elif line:
            yield _parse_sample(theme, line)


def read_turns() -> list[str]:
    """Return the turns of the sample conversation."""
    return (HERE / "conversation.txt").read_text(encoding="utf-8").splitlines()


def _parse_sample(theme: str, line: str) -> Sample:
    mark = MARKS.match(line)
    text = line[mark.end() :] if mark else line
    marks = mark.groupdict() if mark else {}
    return Sample(
        theme=theme,
        texts=tuple(text.split(" => ")),
        is_public=bool(marks.get("public")),
        is_trashed=bool(marks.get("trashed")),
        is_newer=bool(marks.get("newer")),
        is_recent=bool(marks.get("recent")),
        app=marks.get("app"),
        days=int(marks["days"]) if marks.get("days") else None,
    )
