"""Import pages (preview, start, progress, undo; own imports only) and export downloads."""

import io
from collections import Counter
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from memories.models import ImportBatch, Memory
from memories.portability.exports.formats import EXPORT_FORMATS
from memories.portability.imports import run as import_run
from memories.portability.imports.report import FileReport, dump_reports
from tests.factories import remember, session
from tests.memories.portability.samples import files as samples
from tests.memories.portability.samples.files import file_of, zip_of
from tests.memories.portability.staging import stage

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


def post_import(client: Client, **fields: Any) -> Any:
    return client.post("/memories/import/", {"text": "", "chats": "mine", **fields}, follow=True)


def test_pasted_text_is_previewed_imported_and_undone(ada_client: Client, ada: User) -> None:
    page = post_import(ada_client, text=samples.TRANSFER)
    batch = ImportBatch.objects.get()
    assert page.redirect_chain[-1][0] == reverse("memories:import", args=[batch.pk])
    html = page.content.decode()
    assert "I like my tea without sugar." in html
    assert "Import 3 memories" in html
    assert not Memory.objects.exists()
    html = ada_client.post(reverse("memories:import_start", args=[batch.pk]), follow=True).content.decode()
    assert "<progress" in html
    state = ada_client.post(reverse("memories:import_go_on", args=[batch.pk]), **HTMX)  # type: ignore[arg-type]
    assert "3 memories imported" in state.content.decode()
    assert Memory.objects.filter(owner=ada, deleted_at=None).count() == 3
    ada_client.post(reverse("memories:import_undo", args=[batch.pk]))
    assert Memory.objects.filter(owner=ada, deleted_at=None).count() == 0


def test_zip_upload_is_previewed(ada_client: Client) -> None:
    page = post_import(
        ada_client, file=SimpleUploadedFile("x.zip", samples.chatgpt_zip().read()), chats="all"
    )
    assert "ChatGPT export" in page.content.decode()
    assert "Import 5 memories" in page.content.decode()


def test_unreadable_upload_shows_error(ada_client: Client) -> None:
    for fields, message in (
        ({}, "Choose a file or paste text."),
        (
            {"file": SimpleUploadedFile("a.png", b"\x89PNG\0\0")},
            "a.png cannot be imported. It was recognized as: image",
        ),
        ({"file": SimpleUploadedFile("a.json", b'[{"memory": "a"}, {')}, "The JSON is invalid or truncated."),
    ):
        response = ada_client.post("/memories/import/", {"text": "", "chats": "mine", **fields})
        assert response.status_code == 422
        assert message in response.content.decode()


def test_second_import_is_rejected_while_one_is_in_progress(ada_client: Client, ada: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - one"))
    import_run.start_import(session(ada), batch.pk)
    link = f'<a href="/memories/import/{batch.pk}/">Another import is in progress.'
    assert link in post_import(ada_client, text="two").content.decode()


def test_preview_can_be_discarded(ada_client: Client, ada: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - one"))
    ada_client.post(reverse("memories:import_discard", args=[batch.pk]))
    assert not ImportBatch.objects.exists()


@pytest.mark.parametrize("act", ["import", "import_start", "import_go_on", "import_undo", "import_discard"])
def test_another_users_import_returns_404(bob_client: Client, ada: User, act: str) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - one"))
    address = reverse(f"memories:{act}", args=[batch.pk])
    response = bob_client.get(address) if act == "import" else bob_client.post(address)
    assert response.status_code == 404


@pytest.mark.parametrize("address", ["/memories/import/", "/memories/export/"])
def test_import_and_export_require_login(address: str, ada_client: Client) -> None:
    assert Client().get(address).status_code == 302
    assert ada_client.get(address).status_code == 200


@pytest.mark.parametrize("form", [*EXPORT_FORMATS, "everything"])
def test_download_is_attachment_without_caching(ada_client: Client, ada: User, form: str) -> None:
    remember(ada, "I like tea.")
    response = ada_client.post(f"/memories/export/{form}/")
    assert response["Content-Disposition"].startswith('attachment; filename="picard-')
    assert response["Cache-Control"] == "no-store"
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert b"I like tea." in content or content.startswith(b"PK")


def test_unknown_export_format_returns_404(ada_client: Client) -> None:
    assert ada_client.post("/memories/export/xml/").status_code == 404
    assert ada_client.get("/memories/export/jsonl/").status_code == 405


def test_large_upload_creates_no_named_file(ada_client: Client, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    large = io.BytesIO(b"\n".join(b"[2025-01-01] - %d %s" % (n, b"x" * 5_000) for n in range(700)))
    assert "Import 700 memories" in post_import(ada_client, file=large).content.decode()
    assert list(tmp_path.iterdir()) == []


def test_long_text_is_pasted_without_limit_of_a_form(ada_client: Client) -> None:
    text = "\n".join(f"[2025-01-01] - {number} {'x' * 5_000}" for number in range(600))
    assert "Import 600 memories" in post_import(ada_client, text=text).content.decode()


def test_text_stays_with_an_error(ada_client: Client) -> None:
    html = post_import(ada_client, text=' [{"memory": "I keep bees."}, {').content.decode()
    assert "[{&quot;memory&quot;: &quot;I keep bees.&quot;}, {" in html
    assert 'href="#sources"' in html


def test_page_offers_the_columns_of_an_unknown_table(ada_client: Client, ada: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - one"))
    report = FileReport(
        "Books.csv", "table", skipped=Counter({"unknown_table": 3}), columns=["Book", "Highlight"]
    )
    batch.report = dump_reports([report])
    batch.save(update_fields=["report"])
    html = ada_client.get(reverse("memories:import", args=[batch.pk])).content.decode()
    assert "<option>Highlight</option>" in html
    html = ada_client.get("/memories/import/?text_column=Highlight").content.decode()
    assert 'value="Highlight"' in html
    assert "id_text_column" not in ada_client.get("/memories/import/").content.decode()


def test_files_left_out_as_a_whole_are_grouped(ada_client: Client, ada: User) -> None:
    batch = stage(
        session(ada), zip_of({"a.txt": "[2025-01-01] - one", **{f"{n}.png": "x" for n in range(9)}})
    )
    html = ada_client.get(reverse("memories:import", args=[batch.pk])).content.decode()
    assert "9 files" in html
    assert html.count("images, sound, documents and other attachments") == 1


def test_earlier_import_without_a_report_is_shown(ada_client: Client, ada: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - one"))
    ImportBatch.objects.filter(pk=batch.pk).update(report=None, counts={"new": 1, "skipped": {"blank": 2}})
    assert "empty: 2" in ada_client.get(reverse("memories:import", args=[batch.pk])).content.decode()


TABLE = b"Book,Passage A,Passage B\nDune,Fear kills.,yes\nEmma,Seldom is it so.,no\n"


def test_columns_of_an_unknown_table_are_offered(ada_client: Client) -> None:
    upload = {"file": SimpleUploadedFile("books.csv", TABLE)}
    html = ada_client.post("/memories/import/", {"text": "", **upload}).content.decode()
    assert '<option value="Passage A">' in html
    upload["file"].seek(0)
    page = post_import(ada_client, text_column="Passage A", **upload)
    assert "Import 2 memories" in page.content.decode()


def test_columns_of_an_unknown_table_among_others_are_offered(ada_client: Client) -> None:
    page = post_import(
        ada_client,
        file=[SimpleUploadedFile("books.csv", TABLE), SimpleUploadedFile("a.txt", b"[2025-01-01] - one")],
    )
    assert "Import 1 memory" in page.content.decode()
    assert "<option>Passage A</option>" in page.content.decode()
