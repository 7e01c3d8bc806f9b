"""Every export format round-trips texts unchanged, whatever they look like."""

import pytest

from accounts.models import User
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.imports.clean import clean_item
from tests.factories import remember, session
from tests.memories.portability.reading import read_file

pytestmark = pytest.mark.django_db
DIFFICULT_TEXTS = [
    "plain",
    "To buy:\n- bread\n- milk\n\n* tea\n1. first\n2) second",
    "# Heading\n\ntext\n## Below\n**Bold**\n---\n===\n```\ncode\n```",
    "- begins as an item\n- and goes on",
    "1. one\n2. two",
    "[2025-01-31] - looks dated",
    "Diary:\n[2025-01-31] - looks dated\n- [2025-02-01] - and so does this\n  [unknown]: and this",
    "def f():\n    return {\n        1: 2\n    }",
    "a\n\n\n  b\n\n    c\n\td",
    "trailing   \nspaces \t\nof lines",
    "---\nid: 1\ntags: [x]\n---\nbody",
    "{\"text\": \"json\"}",
    "[\"json\"]",
    "text,tags\n\"a\",b",
    "=1+1",
    "'=1\n'",
    "'",
    "''quoted''",
    "semi;colon, \"comma\" \\ backslash \\n",
    "\u2028line\u2029separators\x85of\x0bevery\x0ckind",
    "ÄÖ \U0001f600 \u202eright to left",
    "#tag and `#not`",
    "\ufeffmarked",
]  # fmt: skip


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_difficult_texts_round_trip(ada: User, form: str) -> None:
    saved = [remember(ada, text).text for text in DIFFICULT_TEXTS]
    assert _read(b"".join(export_memories(session(ada), form).chunks)) == saved


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_difficult_text_alone_round_trips(ada: User, form: str) -> None:
    """A single text has more influence on format detection."""
    for text in DIFFICULT_TEXTS:
        memory = remember(ada, text)
        assert _read(b"".join(export_memories(session(ada), form).chunks)) == [memory.text]
        memory.delete()


def _read(exported: bytes) -> list[str]:
    return [clean_item(item).text for item in read_file(exported).items]
