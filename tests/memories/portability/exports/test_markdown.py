"""Notes have valid YAML properties that Obsidian knows."""

import io
import unicodedata
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from accounts.models import User
from memories.portability.exports.formats import export_memories
from memories.portability.readers.notes.obsidian_tags import NOT_IN_TAG, format_tag, restore_names
from tests.factories import remember, session
from tests.memories.portability.exports.difficult import DIFFICULT_TAGS, DIFFICULT_TEXTS

pytestmark = pytest.mark.django_db


def export_notes(user: User) -> list[tuple[dict[str, Any], str]]:
    """Return the properties and the text of each note, as any YAML parser reads them."""
    data = io.BytesIO(b"".join(export_memories(session(user), "markdown").chunks))
    with zipfile.ZipFile(data) as archive:
        notes = [archive.read(name).decode() for name in sorted(archive.namelist())]
    heads = [note.split("\n---\n", 1) for note in notes]
    return [(yaml.safe_load(head.removeprefix("---\n")), text) for head, text in heads]


def test_all_fields_are_properties(ada: User) -> None:
    older = remember(ada, "I live in Lier.")
    end = datetime(2999, 1, 2, tzinfo=UTC)
    newer = remember(
        ada, "I live in Gent.", supersedes=older.pk, expires_at=end, visibility="public", tags=["home"]
    )
    [_older, (properties, text)] = sorted(export_notes(ada), key=lambda note: len(note[0]))
    assert text == "\nI live in Gent.\n"
    assert properties == {
        "id": str(newer.pk),
        "created_at": newer.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": newer.updated_at.isoformat().replace("+00:00", "Z"),
        "visibility": "public",
        "tags": ["home"],
        "expires_at": "2999-01-02T00:00:00Z",
        "supersedes": str(older.pk),
    }


def test_difficult_tags_are_valid_yaml_with_their_exact_names(ada: User) -> None:
    for name in DIFFICULT_TAGS:
        remember(ada, f"tagged {name}", tags=[name])
    notes = export_notes(ada)
    for head, text in notes:
        name = unicodedata.normalize("NFC", text.strip().removeprefix("tagged "))
        assert head.get("tag_names", head["tags"]) == [name]
    for head, _text in notes:
        assert not [tag for tag in head["tags"] if not tag or NOT_IN_TAG.search(tag) or tag.isdecimal()]


def test_difficult_texts_are_below_the_properties(ada: User) -> None:
    saved = {remember(ada, text).text for text in DIFFICULT_TEXTS}
    assert {text.removeprefix("\n").removesuffix("\n") for _head, text in export_notes(ada)} == saved


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("work", "work"), ("To do", "To-do"), ("imported:chatgpt", "imported/chatgpt"), ("a/b", "a/b"),
        ("1984", "_1984"),
        ("2026-01-31", "_2026-01-31"), ("日本", "日本"), ("👍", "👍"), ("#hash", "hash"), ("...", ""), ("/", ""),
        ("say \"hi\"", "say-hi"), ("::a::", "a"), ("-", ""),
    ],
)  # fmt: skip
def test_tag_has_the_form_that_obsidian_knows(name: str, tag: str) -> None:
    assert format_tag(name) == tag


def test_tag_that_was_added_in_obsidian_stays() -> None:
    assert restore_names(["To-do", "added"], ["To do", "..."]) == ("To do", "...", "added")
