"""Markdown notes: one per memory, with its fields as YAML properties, for Obsidian and similar apps."""

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo

import yaml

from accounts.actor import Actor
from memories.models import Memory
from memories.portability.exports.pages import format_utc, iterate_texts
from memories.portability.exports.zip_stream import ZipMember, stream_zip
from memories.portability.readers.notes.obsidian_tags import build_tag_properties
from memories.services.representation import represent_memory

PROPERTIES = ("id", "created_at", "updated_at", "visibility", "tags", "expires_at", "supersedes", "pinned")
ANY_WIDTH = 1_000_000  # of lines: none is folded
# What no version of YAML takes for anything but a text; other values are quoted (1e3 is a number since YAML 1.2).
PLAIN_TEXT = re.compile(r"[^\W\d_][\w/-]*")
WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


class _Dumper(yaml.CSafeDumper):
    """Writes texts so that every parser of YAML reads them as texts."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    is_plain = PLAIN_TEXT.fullmatch(text) and text.lower() not in WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _represent_text)


def write_markdown(actor: Actor) -> Iterator[bytes]:
    zone = actor.person.zone
    return stream_zip(_build_note(memory, text, zone) for memory, text in iterate_texts(actor))


def _build_note(memory: Memory, text: str, zone: tzinfo) -> ZipMember:
    """Build the note of a memory; its name has the user's day."""
    created = memory.created_at.astimezone(zone)
    content = f"---\n{_dump_properties(memory)}---\n\n{text}\n".encode()
    return ZipMember(f"{created:%Y-%m-%d}-{memory.pk.hex[-12:]}.md", iter([content]), created)


def _format_value(value: object) -> object:
    if isinstance(value, bool):
        return value
    return format_utc(value) if isinstance(value, datetime) else str(value)


def _dump_properties(memory: Memory) -> str:
    values = represent_memory(memory, PROPERTIES)
    properties: dict[str, object] = {}
    for name, value in values.items():
        if name == "tags" and value:
            properties |= build_tag_properties(value)
        elif value:
            properties[name] = _format_value(value)
    return yaml.dump(properties, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=ANY_WIDTH)
