"""The sample memories, from a file that people can read: one a line, under its theme, with marks before the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MARKS = re.compile(r"(?:(?P<public>!)|(?P<trashed>-)|@(?P<app>[a-z]+)|~(?P<days>\d+)) ")


@dataclass(frozen=True)
class Sample:
    """A memory. texts: what it said, the oldest first; app: who wrote it; days: until it expires."""

    theme: str
    texts: tuple[str, ...]
    is_public: bool = False
    is_trashed: bool = False
    app: str | None = None
    days: int | None = None


def read_samples() -> Iterator[Sample]:
    """`!` public, `-` in the trash, `@app` by that app, `~30` expires in 30 days, ` => ` a later text."""
    theme = ""
    for line in (HERE / "memories.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            theme = line[2:]
        elif line:
            yield _parse_sample(theme, line)


def read_turns() -> list[str]:
    """A conversation, turn by turn."""
    return (HERE / "conversation.txt").read_text(encoding="utf-8").splitlines()


def _parse_sample(theme: str, line: str) -> Sample:
    mark = MARKS.match(line)
    text = line[mark.end() :] if mark else line
    found = mark.groupdict() if mark else {}
    return Sample(
        theme=theme,
        texts=tuple(text.split(" => ")),
        is_public=bool(found.get("public")),
        is_trashed=bool(found.get("trashed")),
        app=found.get("app"),
        days=int(found["days"]) if found.get("days") else None,
    )
