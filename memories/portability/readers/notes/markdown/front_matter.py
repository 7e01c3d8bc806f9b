"""The properties at the start of a note: YAML between lines of `---` (Jekyll, Obsidian), or TOML between `+++`."""

import re
import tomllib
from collections.abc import Iterator

import yaml

Value = str | list["Value"] | dict[str, "Value"]
Properties = dict[str, Value]

MAX_CHARACTERS = 64_000
MAX_EVENTS = 20_000
MAX_DEPTH = 20
MAX_VALUES = 5_000  # aliases counted each time: a bomb has few events and many values
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
ENDS = frozenset({"---", "..."})
KEY_LINE = re.compile(r"(?P<key>[^\s:#\-\[{&*!|>'\"%@`][^:\n]{0,80}):(?:[ \t](?P<value>.*))?")
# `tags: #work` and `- #work`: to YAML they are comments, to people tags.
HASH_VALUE = re.compile(
    r"""^((?:tags?|keywords)[ \t]*:[ \t]+|[ \t]*-[ \t]+)(#[^\s"\\#][^"\\\n]*)$""",
    re.MULTILINE | re.IGNORECASE,
)
CONTINUATION = re.compile(r"[ \t].*|- .*|-|#.*|")


def split_front_matter(text: str) -> tuple[Properties, str]:
    """Return the properties of a note and its body; no properties if it starts with something else.

    Scalars are texts as they are written. What is between two rules but no mapping is part of the body, and so is what
    exceeds the limits.
    """
    text = text.removeprefix("\ufeff")
    mark = text.partition("\n")[0].rstrip()
    if mark not in ("---", "+++"):
        return {}, text
    start = text.find("\n") + 1
    end, after = _find_end(text, start, ENDS if mark == "---" else frozenset({mark}))
    if not start or end < 0:
        return {}, text
    properties = _parse_toml(text[start:end]) if mark == "+++" else _parse_yaml(text[start:end])
    return ({}, text) if properties is None else (properties, text[after:].lstrip("\n"))


def _find_end(text: str, start: int, marks: frozenset[str]) -> tuple[int, int]:
    """Return where the line of a mark begins and where the next one does; -1 if there is none within the limit."""
    at = start
    while 0 < at <= len(text) and at - start <= MAX_CHARACTERS:
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if line.rstrip() in marks:
            return at, len(text) if end < 0 else end + 1
        at = end + 1 if end >= 0 else 0
    return -1, -1


def _parse_yaml(head: str) -> Properties | None:
    if not head.strip():
        return {}
    head = HASH_VALUE.sub(r'\1"\2"', head)
    try:
        value = _load_yaml(head)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _parse_entries(head)
    return value if isinstance(value, dict) else None


def _load_yaml(text: str) -> Value:
    """Return the value of YAML. Raises ValueError beyond the limits, YAMLError for anything else."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CBaseLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or count > MAX_EVENTS:
            raise ValueError("too much YAML")
    node = yaml.compose(text, Loader=yaml.CBaseLoader)
    return "" if node is None else _Values().build(node)


class _Values:
    """Builds values from nodes: texts, lists and mappings, at most MAX_VALUES."""

    def __init__(self) -> None:
        self._count = 0

    def build(self, node: yaml.Node, depth: int = 0) -> Value:
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            raise ValueError("too much YAML")
        if isinstance(node, yaml.SequenceNode):
            return [self.build(each, depth + 1) for each in node.value]
        if isinstance(node, yaml.MappingNode):
            return {self._build_key(key): self.build(value, depth + 1) for key, value in node.value}
        text = str(node.value)
        is_plain = isinstance(node, yaml.ScalarNode) and not node.style
        return "" if is_plain and text in NULLS else text

    def _build_key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise ValueError("a key that is no text")
        return str(node.value)


def _parse_entries(head: str) -> Properties | None:
    """Return the properties of invalid YAML, each read by itself; None if it does not look like properties.

    Many notes have values that YAML wants quoted, such as `title: Tea: a history`.
    """
    properties: Properties = {}
    for key, value, lines in _split_entries(head):
        if key is None:
            return None
        try:
            entry = _load_yaml("\n".join(lines))
        except (yaml.YAMLError, ValueError, RecursionError):
            entry = {key: _read_invalid(value, [line.strip() for line in lines[1:] if line.strip()])}
        properties |= entry if isinstance(entry, dict) else {}
    return properties


def _read_invalid(value: str, lines: list[str]) -> Value:
    """Return the value of a property that is invalid YAML: a list if its lines are items, else a text."""
    if not value and lines and all(line.startswith("- ") for line in lines):
        return [_strip_quotes(line[2:].strip()) for line in lines]
    text = "\n".join([value, *lines]).strip()
    if text.startswith("[") and text.endswith("]") and not text.startswith("[["):
        return [_strip_quotes(each.strip()) for each in text[1:-1].split(",") if each.strip()]
    return _strip_quotes(text)


def _strip_quotes(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _split_entries(head: str) -> Iterator[tuple[str | None, str, list[str]]]:
    """Yield the key, the value on its line and all lines of each property; None as key of a line without one."""
    current: tuple[str | None, str, list[str]] | None = None
    for line in head.split("\n"):
        if match := KEY_LINE.fullmatch(line):
            if current:
                yield current
            current = (match["key"].strip(), (match["value"] or "").strip(), [line])
        elif CONTINUATION.fullmatch(line) and (current or not line.strip()):
            if current:
                current[2].append(line)
        else:
            yield None, "", []
            return
    if current:
        yield current


def _parse_toml(head: str) -> Properties | None:
    try:
        return {key: _to_value(value) for key, value in tomllib.loads(head).items()}
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return None


def _to_value(value: object) -> Value:
    if isinstance(value, dict):
        return {str(key): _to_value(each) for key, each in value.items()}
    return [_to_value(each) for each in value] if isinstance(value, list) else str(value)
