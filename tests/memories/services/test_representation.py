"""The fields of a memory that channels select."""

import pytest

from accounts.models import User
from memories.api.representations import MEMORY_FIELDS
from memories.fields import SealedBytes
from memories.mcp import tool_results
from memories.models import Memory
from memories.portability.exports import csv_rows, markdown, mcp_graph, mem0, pam
from memories.portability.readers.memory_tools import picard_jsonl
from memories.services.representation import CITED_FIELDS, FIELDS, represent_memory, shorten_text
from tests.factories import remember

pytestmark = pytest.mark.django_db


def test_named_fields_are_selected_in_order(ada: User) -> None:
    memory = remember(ada, "I like tea.", tags=["food", "Drinks"])
    selected = represent_memory(memory, ("version", "tags", "text", "state", "id"))
    assert list(selected.items()) == [
        ("version", 1),
        ("tags", ["Drinks", "food"]),
        ("text", "I like tea."),
        ("state", "pending"),
        ("id", memory.pk),
    ]


def test_known_values_are_not_read(ada: User) -> None:
    unreadable = Memory(owner=ada, text=SealedBytes(b"no ciphertext"))
    assert represent_memory(unreadable, ("text",), text="I like") == {"text": "I like"}


def test_undecryptable_text_is_null(ada: User) -> None:
    unreadable = Memory(owner=ada, text=SealedBytes(b"no ciphertext"))
    assert represent_memory(unreadable, ("text", "version")) == {"text": None, "version": 1}


@pytest.mark.parametrize(
    "names",
    [
        MEMORY_FIELDS,
        CITED_FIELDS,
        tool_results.RESULT_FIELDS,
        tool_results.METADATA_FIELDS,
        tool_results.SAVED_FIELDS,
        picard_jsonl.FIELDS,
        csv_rows.COLUMNS,
        markdown.PROPERTIES,
        pam.FIELDS,
        mem0.FIELDS,
        mcp_graph.FIELDS,
    ],
)
def test_every_channel_names_existing_fields(names: tuple[str, ...]) -> None:
    assert FIELDS.keys() >= set(names)
    assert len(set(names)) == len(names)


def test_citation_contains_no_tags() -> None:
    assert "tags" not in CITED_FIELDS


@pytest.mark.parametrize(
    ("text", "short"), [("four", "four"), ("four more", "four…"), ("five more", "five…")]
)
def test_text_is_truncated(text: str, short: str) -> None:
    assert shorten_text(text, 5) == short
