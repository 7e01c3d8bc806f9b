"""Each format by each door, the page, REST and the command: recognised, looked at, brought, undone as one."""

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
from memories.portability.readers.detect import IMPORT_FORMATS
from tests.memories.api.callers import session_of
from tests.memories.portability import samples
from tests.memories.portability.samples import file_of, zip_of

pytestmark = pytest.mark.django_db

# Of each format: what makes a file of it, how many memories are in it, and one of them.
GIVEN: dict[str, tuple[Callable[[], io.BytesIO], int, str]] = {
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
EACH = pytest.mark.parametrize("name", GIVEN)


def present() -> int:
    return Memory.objects.filter(deleted_at=None).count()


def test_every_format_is_tried() -> None:
    assert set(GIVEN) == set(IMPORT_FORMATS)


@EACH
def test_by_the_page(ada_client: Client, name: str) -> None:
    make, count, begins = GIVEN[name]
    given = {"file": SimpleUploadedFile("given", make().read()), "text": "", "chats": "mine"}
    html = ada_client.post("/memories/import/", given, follow=True).content.decode()
    assert f"Format: {IMPORT_FORMATS[name].label}" in html
    assert f"Import {count} memor" in html
    assert begins in html
    assert present() == 0
    batch = ImportBatch.objects.get()
    for act in ("import_start", "import_go_on"):
        html = ada_client.post(reverse(f"memories:{act}", args=[batch.pk]), follow=True).content.decode()
    assert (present(), f"{count} memor" in html) == (count, True)
    ada_client.post(reverse("memories:import_undo", args=[batch.pk]))
    assert present() == 0


@EACH
def test_over_rest(ada: User, name: str) -> None:
    make, count, begins = GIVEN[name]
    caller = session_of(ada)
    looked = caller("post", "/import/", make().read()).json
    assert (looked["format"], looked["new"], looked["changed"], looked["duplicate"]) == (name, count, 0, 0)
    assert any(text.startswith(begins) for text in looked["sample"])
    assert present() == 0
    assert caller("post", f"/import/{looked['id']}/run/", {}).json["done"] == present() == count
    caller("post", f"/import/{looked['id']}/undo/")
    assert present() == 0


@EACH
def test_by_the_command(ada: User, name: str, tmp_path: Path, capsys: Any) -> None:
    make, count, begins = GIVEN[name]
    path = tmp_path / "given"
    path.write_bytes(make().read())
    call_command("import_memories", str(path), "--person", ada.email)
    said = capsys.readouterr().out
    assert f"It is {IMPORT_FORMATS[name].label}.\nnew: {count}\n" in said
    assert f"begins: {begins}" in said
    assert present() == 0
    call_command("import_memories", str(path), "--person", ada.email, "--yes")
    assert f"{count} of {count}" in capsys.readouterr().err
    assert present() == count
    call_command("undo_import", str(ImportBatch.objects.get().pk), "--person", ada.email)
    assert present() == 0


def test_the_command_takes_a_folder(ada: User, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "Garden").mkdir()
    (tmp_path / "Garden" / "Beans.md").write_text("---\ntags: [garden]\n---\nSow in May.\n")
    call_command("import_memories", str(tmp_path), "--person", ada.email, "--yes")
    assert "It is Markdown notes.\nnew: 1\n" in capsys.readouterr().out
    assert Memory.objects.get().text == "Beans\n\nSow in May."


def test_a_bomb_is_refused_at_each_door(ada: User, ada_client: Client, tmp_path: Path) -> None:
    bomb = zip_of({"a.json": "0" * 20_000_000}).read()
    given = {"file": SimpleUploadedFile("a.zip", bomb), "text": "", "chats": "mine"}
    page = ada_client.post("/memories/import/", given)
    assert (page.status_code, "unpack to far more" in page.content.decode()) == (422, True)
    assert session_of(ada)("post", "/import/", bomb).json["errors"][0]["code"] == "zip_bomb"
    path = tmp_path / "a.zip"
    path.write_bytes(bomb)
    with pytest.raises(CommandError, match="unpack to far more"):
        call_command("import_memories", str(path), "--person", ada.email)
