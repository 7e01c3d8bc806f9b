"""Each format through each channel (page, REST, command): detected, previewed, imported, undone."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from accounts.models import User
from memories.models import ImportBatch, Memory
from memories.portability.files.archives import NamedFile
from memories.portability.imports.report import FileReport, load_reports
from memories.portability.readers.catalog import IMPORT_FORMATS
from tests.factories import session
from tests.memories.api.callers import session_of
from tests.memories.portability.samples.catalog import SAMPLES
from tests.memories.portability.samples.files import zip_of
from tests.memories.portability.samples.sample import Sample
from tests.memories.portability.staging import stage

pytestmark = pytest.mark.django_db


# Formats whose samples are one file, several files, zips in zips, and pasted text.
FORMATS = ("picard", "chatgpt", "claude", "gemini", "mem0", "notion", "keep", "table", "text")


def choose_samples() -> dict[str, Sample]:
    """Return a sample of each of FORMATS, by its title."""
    chosen: dict[str, Sample] = {}
    for sample in SAMPLES:
        if not set(sample.options) - {"chats", "text_column"}:  # what each channel can say
            for name in sample.formats & set(FORMATS):
                chosen.setdefault(name, sample)
    return {each.title: each for each in chosen.values()}


each_sample = pytest.mark.parametrize("sample", choose_samples().values(), ids=lambda each: each.title)


def count_memories() -> int:
    return Memory.objects.filter(deleted_at=None).count()


def load_outcome() -> dict[str, FileReport]:
    """Return what the import says of each file, by its name."""
    return {report.name: report for report in load_reports(ImportBatch.objects.get().report)}


def test_every_format_has_a_sample() -> None:
    assert {name for sample in SAMPLES for name in sample.formats} == set(IMPORT_FORMATS)


@each_sample
def test_channels_agree_on_each_format(
    ada: User, ada_client: Client, tmp_path: Path, sample: Sample, capsys: Any
) -> None:
    files = [(each.name or "form", each.file.read()) for each in sample.open_files()]
    stage(session(ada), *(NamedFile(io.BytesIO(content), name) for name, content in files), **sample.options)
    expected = load_outcome()
    for address in ("/memories/import/", "/api/v1/import/"):
        post_files(ada_client, address, files, sample.options)
        assert load_outcome() == expected
    for name, content in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    call_command("import_memories", str(tmp_path), "--person", ada.email, "--yes", **sample.options)
    assert load_outcome() == expected
    batch = ImportBatch.objects.get()
    assert count_memories() == batch.done == batch.counts["new"]
    call_command("undo_import", str(batch.pk), "--person", ada.email)
    assert count_memories() == 0


def post_files(
    client: Client, address: str, files: Sequence[tuple[str, bytes]], options: Mapping[str, Any]
) -> None:
    """Post a form as browsers do: with the folders in the names of files."""
    boundary = "a-boundary"
    parts = [(f'name="file"; filename="{name}"', content) for name, content in files]
    parts += [(f'name="{name}"', str(value).encode()) for name, value in options.items()]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    response = client.generic(
        "POST",
        f"{address}?{urlencode(options)}",
        body + f"--{boundary}--\r\n".encode(),
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    assert response.status_code in (201, 302), response.content


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


def list_outcome() -> dict[str, tuple[int, list[str]]]:
    """Return per file its number of new memories, and the reasons for what is left out."""
    return {name: (report.counts["new"], list(report.skipped)) for name, report in load_outcome().items()}


def test_channels_agree_on_several_files(ada: User, ada_client: Client, tmp_path: Path, capsys: Any) -> None:
    expected: dict[str, tuple[int, list[str]]] = {
        "Vault/Garden/Beans.md": (1, []),
        "memories.json": (2, []),
        "photo.png": (0, ["attachment"]),
    }
    for address in ("/memories/import/", "/api/v1/import/"):
        post_files(ada_client, address, list(FILES.items()), {})
        assert list_outcome() == expected
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    call_command("import_memories", str(tmp_path), "--person", ada.email, "--yes")
    assert list_outcome() == expected
    output = capsys.readouterr().out
    assert "file: Vault/Garden/Beans.md [Markdown notes]: 1 new\n" in output
    assert (
        "file: photo.png [image, sound or video]: 1 skipped (images, sound, documents and other attachments)\n"
        in output
    )
    ImportBatch.objects.all().delete()
    paths = [str(tmp_path / name) for name in ("memories.json", "photo.png")]
    call_command("import_memories", *paths, "--person", ada.email, "--yes")
    assert list_outcome() == {"memories.json": (0, []), "photo.png": (0, ["attachment"])}


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


def test_command_escapes_what_terminals_obey(
    ada: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[31m\nfile: bees [x]: 9 new\u202e"
    path = tmp_path / "notes.zip"
    path.write_bytes(zip_of({f"{hostile}.md": f"I keep bees. {hostile}", f"{hostile}.png": "\x89PNG"}).read())
    call_command("import_memories", str(path), "--person", ada.email)
    table = tmp_path / "table\x1b[31m.csv"
    table.write_text("da\x1bte,iban\n2025-01-01,BE12\n")
    call_command("import_memories", str(path), str(table), "--person", ada.email)
    with pytest.raises(CommandError, match=r"da\\x1bte, iban"):
        call_command("import_memories", str(table), "--person", ada.email)
    lines = capsys.readouterr().out.splitlines()
    assert not any(set("\x1b\u202e") & set(line) for line in lines)
    assert not any(line.startswith("file: bees") for line in lines)
    assert sum(line.endswith("columns: da\\x1bte, iban") for line in lines) == 1
