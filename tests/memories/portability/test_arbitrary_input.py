"""Property tests: arbitrary input is read or refused with a reason, never a crash; exports round-trip."""

import gzip
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import User
from memories.portability.exports.formats import export_memories
from memories.portability.files.archives import MAX_ZIP_DEPTH, NamedFile, Source, list_parts
from memories.portability.imports.clean import clean_item
from memories.portability.readers.detect import detect_parts, read_parts
from memories.portability.readers.formats import ChatFilter, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry, split_to_limits
from memories.portability.readers.reasons import NOTES, REASONS
from memories.portability.readers.tables.csv_table import escape_formula, unescape_formula
from memories.services import writes
from tests.chaos.report import IS_LONG
from tests.factories import make_person, session
from tests.memories.portability.files.zips import store_zip
from tests.memories.portability.samples.files import zip_of
from tests.memories.portability.staging import stage

EXTENT = 20 if IS_LONG else 1  # how many times as many examples
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)
# JSON with the keys that readers look for and arbitrary values.
KEYS = st.sampled_from(
    """mapping current_node message author role content parts create_time parent chat_messages sender text memory
    memories results conversations_memory project_memories created_at tags history version id picard schema
    visibility expires_at conversation position temporal""".split()  # noqa: SIM905
)
EXPORT_LIKE_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("2025-01-01"),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS, below, max_size=6),
    max_leaves=25,
)
TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: text.strip())


def read(content: bytes) -> None:
    """Read a file as staging does, without the database."""
    read_sources_or_refuse([NamedFile(io.BytesIO(content))])


def read_sources_or_refuse(sources: Sequence[Source]) -> dict[str, int] | None:
    """Read files; return how many entries each of them has, imported or left out. None: all were refused."""
    counts: Counter[str] = Counter()
    try:
        detected = detect_parts(list_parts(sources))
        for part, entries in read_parts(detected, ReadContext(ChatFilter.ALL)):
            counts[part.part.name] += 0
            for entry in entries:
                counts[part.part.name] += _count_entry(entry, part.kind.name)
    except ValidationError as refusal:
        error_fields = set(refusal.error_dict)
    else:
        return dict(counts)
    assert error_fields == {"file"}
    return None


def _count_entry(entry: ReadResult, kind: str) -> int:
    if isinstance(entry, SkippedEntry):
        assert entry.reason in REASONS
        return entry.count
    if isinstance(entry, ImportItem):
        assert set(entry.notes) <= set(NOTES)
        for item in split_to_limits(entry):
            with suppress(ValidationError):
                clean_item(_place(item, kind))
    return 1


def _place(item: ImportItem, kind: str) -> ImportItem:
    """Give the item a conversation and a position that can be stored; Picard's own format has them."""
    if item.conversation is None or (kind == "picard" and not item.conversation.startswith("long ")):
        return item
    stored = str(uuid5(NAMESPACE_URL, item.conversation))
    return replace(item, conversation=stored, position=item.position or 0)


@hypothesis_settings(max_examples=150 * EXTENT, deadline=None)
@given(st.binary(max_size=400))
@example(b"PK\x05\x06" + b"\0" * 18)
@example(b"\xff\xfe[\0")
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read(content)


@hypothesis_settings(max_examples=60 * EXTENT, deadline=None)
@given(
    ANY_JSON | st.lists(EXPORT_LIKE_JSON, max_size=3) | st.dictionaries(KEYS, EXPORT_LIKE_JSON, max_size=4)
)
@example([{"mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": ["\ud800"]}}}}}])
@example([{"mapping": {}, "chat_messages": 1}, [], 1, None])
def test_any_json_is_read_or_refused(value: Any) -> None:
    read(json.dumps(value).encode())
    for name in ("conversations.json", "memories.json", "memory.json", "a.jsonl", "a.csv", "a.md"):
        read(zip_of({name: json.dumps(value)}).getvalue())


@hypothesis_settings(max_examples=60 * EXTENT, deadline=None)
@given(st.lists(EXPORT_LIKE_JSON, max_size=4))
def test_any_lines_are_read_or_refused(values: list[Any]) -> None:
    read(b'{"picard": 1, "text": "a"}\n' + b"".join(json.dumps(value).encode() + b"\n" for value in values))


@hypothesis_settings(max_examples=60 * EXTENT, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=60), max_size=3), st.integers(0, 400)
)
def test_any_damaged_zip_is_read_or_refused(files: dict[str, bytes], at: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            # A null character ends a file name, and a zip member must have a name.
            archive.writestr(f"{name}.md".replace("\0", ""), content)
    data = file.getvalue()
    read(data)
    read(data[:at] + data[at + 3 :])


def _pack(members: list[tuple[str, Any]]) -> bytes:
    """Pack members whose content is bytes, or a list of members for a zip, each under a name of its own."""
    return store_zip(
        (f"{number}{name}", content if isinstance(content, bytes) else _pack(content))
        for number, (name, content) in enumerate(members)
    )


def _list_names(members: list[tuple[str, Any]], folder: str = "") -> Iterator[str]:
    for number, (name, content) in enumerate(members):
        path = f"{folder}{number}{name}"
        if isinstance(content, bytes):
            yield path.removesuffix(".gz") if content.startswith(GZIP) and name.endswith(".gz") else path
        elif content:
            yield from _list_names(content, f"{path}/")
        else:
            yield path


GZIP = b"\x1f\x8b\x08"
CONTENTS = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(str.encode),
    st.lists(EXPORT_LIKE_JSON, max_size=2).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([text.encode() for text in (
        "# Bees\n\nI keep bees.\n", "---\ntags: [a]\n---\nI run.\n", "text;tags\nI keep bees;a\n", "a,b\n1,2\n",
        "BEGIN:VCARD\nEND:VCARD\n", "<html><body><p>I keep bees.</p></body></html>",
        '{"picard": 1, "text": "I run."}\n',
        '{"type": "entity", "name": "Ada", "entityType": "person", "observations": ["keeps bees"]}\n', "",
    )]),
)  # fmt: skip
SUFFIXES = (".md", ".json", ".jsonl", ".csv", ".txt", ".html", ".xml", ".vcf", ".enex", ".png", ".yaml", "")
LEAVES = st.one_of(
    st.tuples(st.sampled_from(SUFFIXES), CONTENTS.filter(lambda content: not content.startswith(GZIP))),
    st.tuples(st.sampled_from(SUFFIXES).map(lambda name: f"{name}.gz"), CONTENTS.map(gzip.compress)),
)
MEMBERS = st.recursive(
    st.lists(LEAVES, max_size=4),
    lambda below: st.lists(LEAVES | st.tuples(st.just(".zip"), below), max_size=3),
    max_leaves=6,
)


@hypothesis_settings(max_examples=80 * EXTENT, deadline=None)
@given(MEMBERS)
def test_every_member_of_nested_zips_is_imported_or_named(members: list[tuple[str, Any]]) -> None:
    counts = read_sources_or_refuse([NamedFile(io.BytesIO(_pack(members)), "export.zip")])
    names = set(_list_names(members))
    if counts is not None and not any(name.count(".zip") >= MAX_ZIP_DEPTH for name in names):
        assert set(counts) == names
        assert min(counts.values()) >= 1, counts


@hypothesis_settings(max_examples=40 * EXTENT, deadline=None)
@given(st.lists(LEAVES, min_size=2, max_size=4), st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_every_member_of_a_damaged_zip_is_imported_or_named(
    members: list[tuple[str, Any]], at: int, damage: bytes
) -> None:
    zipped = _pack(members)
    at %= zipped.rindex(b"PK\5\6")
    start = zipped.index(b"PK\1\2")  # of the directory: damage in it can rename or hide what follows
    damaged = zipped[:at] + damage[: start - at] + zipped[min(at + len(damage), max(at, start)) :]
    counts = read_sources_or_refuse([NamedFile(io.BytesIO(damaged), "export.zip")])
    if counts is not None and at < start:
        assert len(counts) == len(members)
        assert min(counts.values()) >= 1, counts


@given(st.text())
def test_formula_escape_round_trips(text: str) -> None:
    assert unescape_formula(escape_formula(text)) == text
    assert escape_formula(text)[:1] not in tuple("=+-@\t\r")


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=10 * EXTENT, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(TEXTS, st.lists(st.text(min_size=1, max_size=10), max_size=3), st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_jsonl_export_round_trips(memories: list[tuple[str, list[str], bool]]) -> None:
    with transaction.atomic():
        ada, bob = make_person("ada"), make_person("bob")
        saved = _save_memories(ada, memories)
        lines = b"".join(export_memories(session(ada), "jsonl").chunks)
        assert stage(session(bob), io.BytesIO(lines or b" ")).counts["new"] == saved if saved else not lines
        transaction.set_rollback(True)


def _save_memories(user: User, memories: list[tuple[str, list[str], bool]]) -> int:
    saved = 0
    for text, tags, is_public in memories:
        expires_at = datetime(2999, 1, 1, tzinfo=UTC) if is_public else None
        try:
            writes.create_memory(session(user), text=text, tags=tags, expires_at=expires_at)
        except ValidationError:
            continue
        saved += 1
    return saved
