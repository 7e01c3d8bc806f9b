"""Notes of basic-memory: each observation, `- [category] text #tag`, is a memory with the title of its note.

The shape is documented at https://docs.basicmemory.com/guides/knowledge-format.
"""

import re
from collections.abc import Generator
from datetime import tzinfo

from memories.portability.files.parts import Part
from memories.portability.readers.items import ImportItem, ReadResult
from memories.portability.readers.notes.markdown.note_text import choose_title, find_date, merge_tags
from memories.portability.readers.notes.markdown.properties import NoteProperties

OBSERVATION = re.compile(r"[-*] \[(?P<category>[^\[\]\n]{2,60})\] (?P<text>\S.*)")
HEADING = re.compile(r"#{1,6} Observations\s*", re.IGNORECASE)
HASHTAG = re.compile(r"(?<!\S)#([\w/-]+)")
GAP = re.compile(r"\n{3,}")


def read_observations(
    part: Part, about: NoteProperties, body: str, zone: tzinfo
) -> Generator[ReadResult, None, str]:
    """Yield the observations of a note of basic-memory, each with the note's title; return the rest of the body."""
    title = about.title or choose_title(part, "", zone)
    rest: list[str] = []
    for line in body.split("\n"):
        match = OBSERVATION.fullmatch(line)
        if match is None:
            rest += [] if HEADING.fullmatch(line) else [line]
            continue
        text = match["text"].strip()
        yield ImportItem(
            f"{title}: {text}" if title else text,
            merge_tags(about.tags, (match["category"].strip(),), tuple(HASHTAG.findall(text))),
            about.created_at or find_date(part, zone),
        )
    others = "\n".join(rest).strip()
    return "" if others.removeprefix("# ").strip() == title else GAP.sub("\n\n", others)
