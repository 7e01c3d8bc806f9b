"""The properties at the beginning of a Markdown file of an agent, in YAML."""

from collections.abc import Mapping

import yaml

MAX_CHARACTERS = 100_000


def split_properties(text: str) -> tuple[dict[str, object], str]:
    """Return the properties between the first two lines "---", and what follows; none for what is not YAML."""
    if not text.startswith("---\n"):
        return {}, text
    head, mark, body = text[4:].partition("\n---\n")
    if not mark:
        head, mark, body = text[4:].rstrip().partition("\n---")
    if not mark or body.strip("- ").startswith("---") or len(head) > MAX_CHARACTERS:
        return {}, text
    value = parse_properties(head)
    return ({}, text) if value is None else (value, body)


def parse_properties(head: str) -> dict[str, object] | None:
    """Return a mapping in YAML; None for what is none. Values that YAML does not understand are taken as written."""
    if "&" in head and "*" in head:  # aliases, which could grow without limit
        return _parse_lines(head)
    try:
        value = yaml.safe_load(head)
    except (yaml.YAMLError, RecursionError, ValueError):
        return _parse_lines(head)
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else None


def _parse_lines(head: str) -> dict[str, object] | None:
    """Return "key: value" lines; Cursor writes `globs: *.py`, which is no valid YAML."""
    pairs = [
        line.partition(":") for line in head.split("\n") if line.strip() and not line.startswith(("#", " "))
    ]
    if not pairs or not all(mark and key.strip() for key, mark, _value in pairs):
        return None
    return {key.strip(): value.strip().strip("\"'") for key, _mark, value in pairs}


def get_text(properties: Mapping[str, object], key: str) -> str:
    value = properties.get(key)
    if isinstance(value, list):
        return ", ".join(str(each) for each in value if isinstance(each, str))
    return str(value).strip() if isinstance(value, str | int | float) else ""
