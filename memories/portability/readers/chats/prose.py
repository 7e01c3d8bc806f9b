"""Prose in Markdown, as assistants keep what they know of a person, split into memories.

A memory is a paragraph or a list item with what is nested in it, after the headings that it stands under.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from memories.portability.readers.items import SkippedEntry

HEADING_CHARACTERS = 200  # longer headings are memories themselves, not prefixes of those below
TAB_SPACES = 4
NESTED_SPACES = 2  # how far what belongs to a list item is indented at least

# Each looks at one line, and none can backtrack over it more than once.
HASH_HEADING = re.compile(r"#{1,6}(?:\s+(?P<text>.*))?")
BULLET = re.compile(r"(?:[-*•+–‣◦]|\d{1,3}[.)])\s+(?P<text>\S.*)")
CODE = re.compile(r"(`[^`\n]*`)")
STARS = re.compile(r"(\*{1,3})")
FENCE = "```"
RULE_CHARACTERS = " -*_•+–="  # a line of these alone separates
BOLD, ITALIC, INTRODUCTION = 2, 3, 4  # levels of headings; those with # are 1


@dataclass
class _Block:
    """A paragraph, or a list item with the column of its text."""

    lines: list[str]
    column: int | None = None
    is_in_code: bool = False
    ends_with_gap: bool = False


@dataclass
class _Splitter:
    headings: dict[int, str] = field(default_factory=dict)
    is_used: bool = True  # something stands under the last heading
    block: _Block | None = None
    introduction: str = ""  # the paragraph before, if it ends with a colon: a list may follow

    def split(self, prose: str) -> Iterator[str | SkippedEntry]:
        for line in prose.split("\n"):
            yield from self._add_line(line.expandtabs(TAB_SPACES).rstrip())
        yield from self._end_block()
        yield from self._end_introduction()
        yield from self._end_heading()

    def _add_line(self, line: str) -> Iterator[str | SkippedEntry]:
        text = line.lstrip()
        indent = len(line) - len(text)
        block = self.block
        if block is not None and block.is_in_code:
            self._extend(block, line, text)
        elif not text:
            if block is not None and block.column is None:
                yield from self._end_block()
            elif block is not None:
                block.ends_with_gap = True
        elif block is not None and block.column is not None and indent >= NESTED_SPACES:
            self._extend(block, line, text)
        else:
            yield from self._start_or_continue(line, text, indent)

    def _start_or_continue(self, line: str, text: str, indent: int) -> Iterator[str | SkippedEntry]:
        block = self.block
        if not text.strip(RULE_CHARACTERS):
            yield from self._end_block()
        elif found := _parse_heading(text):
            yield from self._end_block()
            yield from self._end_introduction()
            yield from self._set_heading(*found)
        elif match := BULLET.fullmatch(text):
            yield from self._end_block()
            if self.introduction:
                self.headings[INTRODUCTION] = self.introduction.rstrip(" :：")
                self.introduction = ""
            self.block = _Block([match["text"]], indent + match.start("text"))
        elif block is not None and not block.ends_with_gap and not text.startswith("**"):
            self._extend(block, line, text)
        else:
            yield from self._end_block()
            yield from self._end_introduction()
            self.headings.pop(INTRODUCTION, None)
            self.block = _Block([text], is_in_code=text.startswith(FENCE))

    def _extend(self, block: _Block, line: str, text: str) -> None:
        if block.ends_with_gap:
            block.lines.append("")
            block.ends_with_gap = False
        cut = min(block.column or 0, len(line) - len(text))
        block.lines.append(line[cut:])
        if text.startswith(FENCE):
            block.is_in_code = not block.is_in_code

    def _end_block(self) -> Iterator[str | SkippedEntry]:
        block, self.block = self.block, None
        if block is None:
            return
        text = clean_emphasis("\n".join(block.lines)).strip()
        is_introduction = block.column is None and "\n" not in text and len(text) <= HEADING_CHARACTERS
        if is_introduction and text.endswith((":", "：")):
            yield from self._end_introduction()
            self.introduction = text
        elif text:
            yield self._prefix(text)

    def _end_introduction(self) -> Iterator[str]:
        text, self.introduction = self.introduction, ""
        if text:
            yield self._prefix(text)

    def _prefix(self, text: str) -> str:
        self.is_used = True
        return ": ".join([*(self.headings[level] for level in sorted(self.headings)), text])

    def _set_heading(self, level: int, text: str) -> Iterator[str | SkippedEntry]:
        if level <= max(self.headings, default=0):
            yield from self._end_heading()
        self.headings = {key: each for key, each in self.headings.items() if key < level}
        if text:
            self.headings[level] = text
        self.is_used = not text

    def _end_heading(self) -> Iterator[str | SkippedEntry]:
        """Yield a heading under which nothing stands: in bold it may be a memory itself."""
        if self.is_used or not self.headings:
            return
        last = max(self.headings)
        text = self.headings.pop(last)
        yield SkippedEntry("blank") if last < BOLD else self._prefix(text)
        self.is_used = True


def split_prose(prose: str) -> Iterator[str | SkippedEntry]:
    """Yield the memories of a text; a heading without anything below it is counted as blank."""
    yield from _Splitter().split(prose.replace("\r\n", "\n").replace("\r", "\n"))


def _parse_heading(text: str) -> tuple[int, str] | None:
    """Return the level and the text of a line that is a heading: with #, or wholly bold or italic."""
    if len(text) > HEADING_CHARACTERS:
        return None
    if match := HASH_HEADING.fullmatch(text):
        return 1, clean_emphasis(match["text"] or "").strip(" :：#")
    for mark, level in (("***", BOLD), ("**", BOLD), ("__", BOLD), ("*", ITALIC), ("_", ITALIC)):
        inner = text.rstrip(" :：").removeprefix(mark).removesuffix(mark)
        is_marked = len(text.rstrip(" :：")) == len(inner) + 2 * len(mark)
        if is_marked and inner.strip() and mark[0] not in inner and inner[0] != " " != inner[-1]:
            return level, inner.strip(" :：")
    return None


def clean_emphasis(text: str) -> str:
    """Remove the stars of bold and italic words, also those without a partner; code keeps its own."""
    if FENCE in text or "*" not in text:
        return text
    pieces = CODE.split(text)
    return "".join(piece if piece.startswith("`") else _clean_stars(piece) for piece in pieces)


def _clean_stars(text: str) -> str:
    """Remove stars around words; a bullet and an operator between digits stay."""
    pieces = STARS.split(text)
    if pieces[1:2] == ["*"] and len(pieces) == 3:
        return text  # a footnote, or a hotel of 5*
    kept = [pieces[0]]
    for index in range(1, len(pieces), 2):
        stars, before, after = pieces[index], pieces[index - 1][-1:], pieces[index + 1][:1]
        is_bullet = stars == "*" and before in ("", " ", "\n") and after == " "
        is_operator = before.isalnum() and after.isalnum() and (before.isdigit() or after.isdigit())
        kept += [stars if is_bullet or is_operator else "", pieces[index + 1]]
    return "".join(kept)
