"""Edit the text of a JSON file, so that formatting, comments and everything else stay as they are.

Comments and trailing commas are accepted, as agents accept them in their settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
LITERAL = re.compile(r"[-+.\w]+")
MAX_DEPTH = 100


@dataclass
class Node:
    """A value in the text. start, end: its characters; for a member of an object, `start` is that of its key.

    value: of a string, number, true, false or null. items: of an array or object. commas: positions of the commas
    after the items, as many as there are.
    """

    kind: str  # "object", "array" or "scalar"
    start: int
    end: int = 0
    key: str | None = None
    value: object = None
    items: list[Node] = field(default_factory=list)
    commas: list[int] = field(default_factory=list)
    inside: int = 0  # after the opening bracket

    def get(self, key: str) -> Node | None:
        """Return the member of an object; the last one if there are several, as in JSON.parse."""
        return next((item for item in reversed(self.items) if item.key == key), None)


@dataclass(frozen=True)
class Edit:
    """Replace the characters from `start` to `end` by `text`."""

    start: int
    end: int
    text: str = ""


def parse_text(text: str) -> Node:
    """Return the value with its positions. Raises ValueError if it is not JSON, apart from comments and commas."""
    reader = _Reader(text)
    node = reader.read_value(0)
    if reader.skip_space() < len(text):
        raise ValueError(f"unexpected text at character {reader.position}")
    return node


def is_blank(text: str | None) -> bool:
    return not (text or "").strip("\ufeff \t\r\n")


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    for edit in sorted(edits, key=lambda each: (each.start, each.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def count_trailing_commas(node: Node) -> int:
    """Return how many arrays and objects have a comma after their last item: not every agent accepts one."""
    own = bool(node.items) and len(node.commas) == len(node.items)
    return own + sum(map(count_trailing_commas, node.items))


def find_indent(text: str) -> str:
    """Return the indentation of one level: that of the first indented line, by default two spaces."""
    match = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return match[1] if match else "  "


def find_newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def insert_item(text: str, container: Node, content: object, *, key: str | None = None) -> Edit:
    """Return the edit that adds a value at the end of an array, or a member at the end of an object."""
    indent, newline = find_indent(text), find_newline(text)
    depth = _measure_depth(text, container)
    body = json.dumps(content, indent=indent, ensure_ascii=False)
    if key is not None:
        body = f"{json.dumps(key)}: {body}"
    lines = (newline + indent * (depth + 1)).join(body.split("\n"))
    start = f"{newline}{indent * (depth + 1)}{lines}"
    if not container.items:
        # Before whatever is between the brackets, which can be a comment.
        return Edit(container.inside, container.inside, f"{start}{newline}{indent * depth}")
    last = container.items[-1]
    if len(container.commas) == len(container.items):  # a trailing comma
        return Edit(container.commas[-1] + 1, container.commas[-1] + 1, f"{start},")
    return Edit(last.end, last.end, f",{start}")


def delete_items(text: str, container: Node, doomed: Sequence[Node]) -> Iterator[Edit]:
    """Yield the edits that remove these values with one comma each, and the lines that become empty."""
    kept = [item for item in container.items if item not in doomed]
    for index, item in enumerate(container.items):
        if item not in doomed:
            continue
        yield Edit(_skip_back(text, item.start), item.end)
        if index < len(container.commas) and (not kept or item.start < kept[-1].start):
            yield Edit(container.commas[index], container.commas[index] + 1)
        elif kept:  # after the last one that stays: the comma before it, unless it is a trailing one
            yield Edit(container.commas[index - 1], container.commas[index - 1] + 1)
    if not kept and not text[container.inside : container.items[0].start].strip():
        end = container.end - 1
        start = _skip_back(text, end)
        if container.items[-1].end <= start:
            yield Edit(start, end)


def _skip_back(text: str, position: int) -> int:
    """Return where the white space before this position starts, with its newline."""
    start = position
    while start and text[start - 1] in " \t":
        start -= 1
    if start and text[start - 1] == "\n":
        start -= 2 if text[start - 2 : start] == "\r\n" else 1
        return start
    return position


def _measure_depth(text: str, container: Node) -> int:
    """Return how many levels the line of the container's start is indented."""
    line = text[text.rfind("\n", 0, container.start) + 1 : container.start]
    white = line[: len(line) - len(line.lstrip())] if line.strip() else line
    indent = find_indent(text)
    return len(white) // len(indent) if white else 0


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0

    def skip_space(self) -> int:
        match = SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position
        return self.position

    def read_value(self, depth: int) -> Node:
        start = self.skip_space()
        character = self.text[start : start + 1]
        if character in ("{", "[") and depth < MAX_DEPTH:
            return self._read_items(character, depth)
        if character == '"':
            return Node("scalar", start, value=self._read_string(), end=self.position)
        match = LITERAL.match(self.text, start)
        if not match:
            raise ValueError(f"unexpected text at character {start}")
        self.position = match.end()
        return Node("scalar", start, value=json.loads(match[0]), end=match.end())

    def _read_items(self, bracket: str, depth: int) -> Node:
        node = Node("object" if bracket == "{" else "array", self.position, inside=self.position + 1)
        closing = "}" if bracket == "{" else "]"
        self.position += 1
        while self.text[self.skip_space() : self.position + 1] != closing:
            if len(node.commas) < len(node.items):
                raise ValueError(f"a comma is missing at character {self.position}")
            node.items.append(self._read_member(depth) if bracket == "{" else self.read_value(depth + 1))
            if self.text[self.skip_space() : self.position + 1] == ",":
                node.commas.append(self.position)
                self.position += 1
        self.position += 1
        node.end = self.position
        return node

    def _read_member(self, depth: int) -> Node:
        start = self.position
        if self.text[start : start + 1] != '"':
            raise ValueError(f"a key is missing at character {start}")
        key = self._read_string()
        if self.text[self.skip_space() : self.position + 1] != ":":
            raise ValueError(f"a colon is missing at character {self.position}")
        self.position += 1
        node = self.read_value(depth + 1)
        node.start, node.key = start, key
        return node

    def _read_string(self) -> str:
        match = STRING.match(self.text, self.position)
        if not match:
            raise ValueError(f"a string is not closed at character {self.position}")
        self.position = match.end()
        return str(json.loads(match[0]))
