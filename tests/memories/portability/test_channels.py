"""Each format through each channel (page, REST, command): detected, previewed, imported, undone."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from memories.models import ImportBatch, Memory
from memories.portability.imports.report import load_reports
from memories.portability.readers.catalog import IMPORT_FORMATS
from tests.memories.api.callers import session_of
from tests.memories.portability.samples import files as samples
from tests.memories.portability.samples.files import file_of, zip_of

pytestmark = pytest.mark.django_db

# Per format: a function that builds a file, its number of memories, and the start of one of them.
SAMPLES: dict[str, tuple[Callable[[], io.BytesIO], int, str]] = {
    "picard": (lambda: file_of('{"picard": 1, "text": "I keep bees."}\n'), 1, "I keep bees."),
    "chatgpt": (samples.chatgpt_zip, 4, "My cat is Tom."),
    "claude": (samples.claude_zip, 5, "Work context: I write compilers."),
    "pam": (lambda: file_of(samples.PAM), 1, "Knows SQL well"),
    "mem0": (lambda: file_of(samples.MEM0), 2, "Loves hiking"),
    "list": (lambda: file_of(["I like tea.", "I hike."]), 2, "I like tea."),
    "table": (lambda: file_of(samples.CSV), 1, "Likes"),
    "markdown": (lambda: zip_of(samples.NOTES), 2, "Bread"),
    "text": (lambda: file_of(samples.TRANSFER), 3, "I like my tea without sugar."),
}
each_format = pytest.mark.parametrize("name", SAMPLES)


def count_memories() -> int:
    return Memory.objects.filter(deleted_at=None).count()


def test_every_format_has_a_sample() -> None:
    assert set(SAMPLES) == set(IMPORT_FORMATS)


@each_format
def test_page_imports_and_undoes(ada_client: Client, name: str) -> None:
    build, count, start = SAMPLES[name]
    form = {"file": SimpleUploadedFile("form", build().read()), "text": "", "chats": "mine"}
    html = ada_client.post("/memories/import/", form, follow=True).content.decode()
    assert f"Format: {IMPORT_FORMATS[name].label}" in html
    assert f"Import {count} memor" in html
    assert start in html
    assert count_memories() == 0
    batch = ImportBatch.objects.get()
    for action in ("import_start", "import_go_on"):
        html = ada_client.post(reverse(f"memories:{action}", args=[batch.pk]), follow=True).content.decode()
    assert (count_memories(), f"{count} memor" in html) == (count, True)
    ada_client.post(reverse("memories:import_undo", args=[batch.pk]))
    assert count_memories() == 0


@each_format
def test_rest_api_imports_and_undoes(ada: User, name: str) -> None:
    build, count, start = SAMPLES[name]
    caller = session_of(ada)
    preview = caller("post", "/import/", build().read()).json
    assert (preview["format"], preview["new"], preview["changed"], preview["duplicate"]) == (
        name,
        count,
        0,
        0,
    )
    assert any(text.startswith(start) for text in preview["sample"])
    assert count_memories() == 0
    assert caller("post", f"/import/{preview['id']}/run/", {}).json["done"] == count_memories() == count
    caller("post", f"/import/{preview['id']}/undo/")
    assert count_memories() == 0


@each_format
def test_command_imports_and_undoes(ada: User, name: str, tmp_path: Path, capsys: Any) -> None:
    build, count, start = SAMPLES[name]
    path = tmp_path / "form"
    path.write_bytes(build().read())
    call_command("import_memories", str(path), "--person", ada.email)
    output = capsys.readouterr().out
    assert f"Format: {IMPORT_FORMATS[name].label}\nnew: {count}\n" in output
    assert f"sample: {start}" in output
    assert count_memories() == 0
    call_command("import_memories", str(path), "--person", ada.email, "--yes")
    assert f"{count} of {count}" in capsys.readouterr().err
    assert count_memories() == count
    call_command("undo_import", str(ImportBatch.objects.get().pk), "--person", ada.email)
    assert count_memories() == 0


def test_command_imports_folder(ada: User, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "Garden").mkdir()
    (tmp_path / "Garden" / "Beans.md").write_text("---\ntags: [garden]\n---\nSow in May.\n")
    call_command("import_memories", str(tmp_path), "--person", ada.email, "--yes")
    assert "Format: Markdown notes\nnew: 1\n" in capsys.readouterr().out
    assert Memory.objects.get().text == "Beans\n\nSow in May."


FILES = {
    "Vault/Garden/Beans.md": b"Sow beans in May.",
    "memories.json": b'["I like tea.", "I hike."]',
    "photo.png": b"\x89PNG\0",
}


def load_batch() -> dict[str, tuple[int, list[str]]]:
    """Return per file of the import its number of new memories, and the reasons for what is left out."""
    batch = ImportBatch.objects.get()
    return {
        report.name: (report.counts["new"], list(report.skipped)) for report in load_reports(batch.report)
    }


def test_channels_agree_on_several_files(ada: User, ada_client: Client, tmp_path: Path) -> None:
    expected: dict[str, tuple[int, list[str]]] = {
        "Vault/Garden/Beans.md": (1, []),
        "memories.json": (2, []),
        "photo.png": (0, ["attachment"]),
    }
    boundary = b"a-boundary"
    body = b"".join(
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n%b\r\n'
        % (boundary, name.encode(), content)
        for name, content in FILES.items()
    )
    for address in ("/memories/import/", "/api/v1/import/"):
        media_type = f"multipart/form-data; boundary={boundary.decode()}"
        ada_client.generic("POST", address, b"%b--%b--\r\n" % (body, boundary), content_type=media_type)
        assert load_batch() == expected
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    call_command("import_memories", str(tmp_path), "--person", ada.email, "--yes")
    assert load_batch() == expected
    ImportBatch.objects.all().delete()
    paths = [str(tmp_path / name) for name in ("memories.json", "photo.png")]
    call_command("import_memories", *paths, "--person", ada.email, "--yes")
    assert load_batch() == {"memories.json": (0, []), "photo.png": (0, ["attachment"])}


def test_zip_bomb_is_refused_by_each_channel(ada: User, ada_client: Client, tmp_path: Path) -> None:
    bomb = zip_of({"a.json": "0" * 20_000_000}).read()
    form = {"file": SimpleUploadedFile("a.zip", bomb), "text": "", "chats": "mine"}
    page = ada_client.post("/memories/import/", form)
    assert (page.status_code, "too large when unpacked" in page.content.decode()) == (422, True)
    assert session_of(ada)("post", "/import/", bomb).json["errors"][0]["code"] == "zip_bomb"
    path = tmp_path / "a.zip"
    path.write_bytes(bomb)
    with pytest.raises(CommandError, match="too large when unpacked"):
        call_command("import_memories", str(path), "--person", ada.email)
