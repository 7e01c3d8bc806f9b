"""Property tests: arbitrary input is read or refused with a reason, never a crash; exports round-trip."""

import io
import json
import zipfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import User
from memories.portability.exports.formats import export_memories
from memories.portability.files.archives import NamedFile, list_parts
from memories.portability.imports.clean import clean_item
from memories.portability.readers.detect import detect_parts, read_parts
from memories.portability.readers.formats import ChatFilter, ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, SkippedEntry, split_to_limits
from memories.portability.readers.reasons import REASONS
from memories.portability.readers.tables.csv_table import escape_formula, unescape_formula
from memories.services import writes
from tests.factories import make_person, session
from tests.memories.portability.samples.files import zip_of
from tests.memories.portability.staging import stage

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)
# JSON with the keys that readers look for and arbitrary values.
KEYS = st.sampled_from(
    """mapping current_node message author role content parts create_time parent chat_messages sender text memory
    memories results conversations_memory project_memories created_at tags history version id picard schema
    visibility expires_at conversation position temporal messages fragments inserted_at responses response sender
    metadata recipient attachments extracted_content memory_files prompt_template docs conversations entries query_str
    header title time products safeHtmlItem chatId type payload display timestamp content_type""".split()  # noqa: SIM905
)
EXPORT_LIKE_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("2025-01-01"),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS, below, max_size=6),
    max_leaves=25,
)
TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: text.strip())


def read(content: bytes) -> None:
    """Read a file as staging does, without the database."""
    try:
        results = read_parts(
            detect_parts(list_parts([NamedFile(io.BytesIO(content))])), ReadContext(ChatFilter.ALL)
        )
        for entry in (entry for _part, entries in results for entry in entries):
            if isinstance(entry, SkippedEntry):
                assert entry.reason in REASONS
                continue
            if isinstance(entry, ImportLink):
                continue
            for item in split_to_limits(entry):
                _clean(item)
    except ValidationError as refusal:
        error_fields = set(refusal.error_dict)
    else:
        error_fields = {"file"}
    assert error_fields == {"file"}


def _clean(item: ImportItem) -> None:
    if item.id is None:  # the import derives the conversation's ID from that in the file
        item = replace(item, conversation=None, position=None)
    with suppress(ValidationError):
        clean_item(item)


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
@example(b"PK\x05\x06" + b"\0" * 18)
@example(b"\xff\xfe[\0")
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read(content)


@hypothesis_settings(max_examples=300, deadline=None)
@given(
    ANY_JSON | st.lists(EXPORT_LIKE_JSON, max_size=3) | st.dictionaries(KEYS, EXPORT_LIKE_JSON, max_size=4)
)
@example([{"mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": ["\ud800"]}}}}}])
@example([{"mapping": {}, "chat_messages": 1}, [], 1, None])
def test_any_json_is_read_or_refused(value: Any) -> None:
    read(json.dumps(value).encode())
    for name in ("conversations.json", "memories.json", "memory.json", "a.jsonl", "a.csv", "a.md"):
        read(zip_of({name: json.dumps(value)}).getvalue())


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.lists(EXPORT_LIKE_JSON, max_size=4))
def test_any_lines_are_read_or_refused(values: list[Any]) -> None:
    read(b'{"picard": 1, "text": "a"}\n' + b"".join(json.dumps(value).encode() + b"\n" for value in values))


@hypothesis_settings(max_examples=100, deadline=None)
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


@given(st.text())
def test_formula_escape_round_trips(text: str) -> None:
    assert unescape_formula(escape_formula(text)) == text
    assert escape_formula(text)[:1] not in tuple("=+-@\t\r")


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
