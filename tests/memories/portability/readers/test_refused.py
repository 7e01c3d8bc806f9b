"""What is no memory is refused by its name, whatever the file is called."""

import io
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from memories.portability.files.archives import NamedFile
from memories.portability.readers.reasons import REASONS
from tests.memories.portability.reading import read_file, read_sources, to_bytes
from tests.memories.portability.samples.refused import FILES

TEXTS = [name for name, (content, _reason) in FILES.items() if isinstance(content, str)]
BY_NAME = {"data.yaml", "count.py", "data.foo", "settings.json", "points.jsonl", "pocket.csv", "raindrop.csv"}


def refuse(content: Any, name: str) -> ValidationError:
    with pytest.raises(ValidationError) as refusal:
        read_file(content, name)
    (error,) = refusal.value.error_dict["file"]
    return error


@pytest.mark.parametrize("name", FILES)
def test_file_is_refused_with_its_name_and_reason(name: str) -> None:
    content, reason = FILES[name]
    error = refuse(content, name)
    assert error.code == reason
    assert str(error.message).startswith(name)
    assert str(REASONS[reason]) in error.message


@pytest.mark.parametrize("name", [name for name in TEXTS if name not in BY_NAME])
def test_pasted_content_is_refused_like_the_file(name: str) -> None:
    content, reason = FILES[name]
    assert refuse(content, "").code == reason


def test_several_refused_files_are_all_named() -> None:
    with pytest.raises(ValidationError) as refusal:
        read_sources(
            *(NamedFile(io.BytesIO(to_bytes(FILES[name][0])), name) for name in ("page.html", "table.xlsx"))
        )
    (error,) = refusal.value.error_dict["file"]
    assert "page.html (HTML page), table.xlsx (spreadsheet)" in error.message
