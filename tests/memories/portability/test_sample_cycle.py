"""Each sample through its life: previewed, imported, brought again, undone; each step by another channel.

The preview says what the import does, the second import brings nothing new, the undo leaves nothing, and then
everything is as it was at first. In the short form, one sample of each format goes this way, and one of each choice
that the user makes about it; test_samples.py reads them all.
"""

import io
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from memories.models import ImportBatch, Memory
from memories.portability.files.archives import NamedFile
from memories.portability.imports.report import load_reports
from memories.validation import limits
from tests.chaos.report import IS_LONG, record
from tests.memories.portability.samples.catalog import SAMPLES
from tests.memories.portability.samples.sample import Sample

pytestmark = pytest.mark.django_db
BOUNDARY = "form-of-samples"
FIRST_OF_ITS_KIND = {(sample.formats, frozenset(sample.options)): sample for sample in reversed(SAMPLES)}
CHOSEN = SAMPLES if IS_LONG else tuple(FIRST_OF_ITS_KIND.values())
COUNTED = ("new", "changed", "duplicate", "public", "skipped", "notes")


def send_files(client: Client, url: str, files: list[NamedFile], **fields: str) -> Any:
    """Send a form as browsers do: names may have folders, and pasted text is a field without a file name."""
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    for source in files:
        place = (
            f'name="file"; filename="{source.name.replace(chr(34), "%22")}"' if source.name else 'name="text"'
        )
        parts.append((place, source.file.read()))
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {place}\r\n\r\n".encode() + content + b"\r\n"
        for place, content in parts
    )
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return client.post(url, body + f"--{BOUNDARY}--\r\n".encode(), content_type=content_type)


def write_files(files: list[NamedFile], folder: Path) -> list[str]:
    """Return the arguments of the command; "-" for pasted text, which is standard input."""
    if any("/" in source.name for source in files):
        for source in files:
            path = folder / source.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.file.read())
        return [str(folder)]
    for source in files:
        if source.name:
            (folder / source.name).write_bytes(source.file.read())
    return [str(folder / source.name) if source.name else "-" for source in files]


def describe(batch: ImportBatch) -> tuple[Any, ...]:
    """Return what an import says: in total, and by file."""
    files = [
        (report.name, report.kind, +report.counts, +report.skipped, +report.notes)
        for report in load_reports(batch.report)
    ]
    return {name: batch.counts[name] for name in COUNTED}, files


def list_texts(user: User) -> list[str]:
    return sorted(memory.text for memory in Memory.objects.filter(owner=user, deleted_at=None))


def check_counts(sample: Sample, batch: ImportBatch) -> None:
    """Check that each entry that was read is counted, as imported or under a reason."""
    skipped = Counter(batch.counts["skipped"]) - Counter(
        {"unlinked": batch.counts["skipped"].get("unlinked", 0)}
    )
    of_readers = sum(sample.left_out.values())
    is_split = any(len(memory.text) > limits.TEXT_CHARACTERS for memory in sample.memories)
    counted = batch.counts["new"] + batch.counts["duplicate"] + skipped.total() - of_readers
    assert counted >= len(sample.memories) if is_split else counted == len(sample.memories)


def check_texts(sample: Sample, texts: list[str]) -> None:
    read = {memory.text.replace("\r\n", "\n").strip() for memory in sample.memories}
    if all(len(text) <= limits.TEXT_CHARACTERS for text in read):
        assert set(texts) <= read


@pytest.mark.parametrize("sample", CHOSEN, ids=lambda sample: sample.title)
def test_sample_is_imported_once_and_undone(
    sample: Sample,
    ada: User,
    ada_client: Client,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chats, column = str(sample.options.get("chats", "mine")), str(sample.options.get("text_column", ""))
    if (zone := sample.options.get("zone")) is not None:
        User.objects.filter(pk=ada.pk).update(time_zone=str(zone))
    arguments = write_files(sample.open_files(), tmp_path)
    pasted = b"".join(source.file.read() for source in sample.open_files() if not source.name)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pasted)))

    preview = send_files(
        ada_client, f"/api/v1/import/?chats={chats}&text_column={column}", sample.open_files()
    )
    if preview.status_code != 201:
        assert (preview.status_code, sample.memories) == (400, ())
        page = send_files(
            ada_client, "/memories/import/", sample.open_files(), chats=chats, text_column=column
        )
        assert page.status_code == 422
        with pytest.raises(CommandError):
            call_command("import_memories", *arguments, "--person", ada.email, "--chats", chats)
        return
    previewed = describe(ImportBatch.objects.get())
    check_counts(sample, ImportBatch.objects.get())

    first = preview.json()["id"]
    ada_client.post(f"/api/v1/import/{first}/run/", {}, content_type="application/json")
    texts = list_texts(ada)
    assert describe(ImportBatch.objects.get()) == previewed
    assert len(texts) == previewed[0]["new"]
    check_texts(sample, texts)

    options = ("--person", ada.email, "--chats", chats, "--text-column", column, "--yes")
    call_command("import_memories", *arguments, *options)
    assert "\nnew: 0\nchanged: 0\n" in capsys.readouterr().out
    assert list_texts(ada) == texts

    ada_client.post(reverse("memories:import_undo", args=[first]))
    assert list_texts(ada) == []

    send_files(ada_client, "/memories/import/", sample.open_files(), chats=chats, text_column=column)
    assert describe(ImportBatch.objects.get(state="staged")) == previewed
    record("imports of samples", tries=1, lost=0, what="imports other than their preview")
