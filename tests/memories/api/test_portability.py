"""Import and export over REST: preview, run, undo, export, errors."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from core import uploads
from memories import scopes
from memories.models import ImportBatch, Memory
from memories.portability.exports.formats import EXPORT_FORMATS
from memories.portability.imports import run as import_run
from memories.portability.imports.report import load_reports
from tests.factories import remember, session
from tests.memories.api.callers import Caller, app_of, session_of
from tests.memories.portability.samples import files as samples
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)


def test_app_previews_runs_and_undoes_an_import(ada: User) -> None:
    caller = app_of(ada, *MANAGER)
    preview = caller("post", "/import/?chats=all", samples.chatgpt_zip().read())
    assert (preview.status, preview.json["format"], preview.json["new"], preview.json["total"]) == (
        201,
        "chatgpt",
        5,
        5,
    )
    assert preview.headers["Location"] == f"/api/v1/import/{preview.json['id']}/"
    assert not Memory.objects.exists()
    result = caller("post", f"/import/{preview.json['id']}/run/", {})
    assert (result.json["state"], result.json["done"]) == ("done", 5)
    assert Memory.objects.filter(deleted_at=None).count() == 5
    assert caller("post", f"/import/{preview.json['id']}/undo/").json["state"] == "undone"
    assert Memory.objects.filter(deleted_at=None).count() == 0
    assert [each["state"] for each in caller("get", "/import/").json["results"]] == ["undone"]


def form_of(**files: bytes) -> dict[str, Any]:
    return {name: SimpleUploadedFile("memories.txt", content) for name, content in files.items()}


@pytest.mark.parametrize("is_session", [False, True])
def test_import_accepts_a_form_with_the_file(is_session: bool, ada: User) -> None:
    """As curl -F and many generated clients send it. A session is checked for CSRF, which reads the form."""
    caller = app_of(ada, *MANAGER)
    if is_session:
        caller = Caller(Client(enforce_csrf_checks=True))
        caller.client.force_login(ada)
        caller.client.get("/api/docs/")
        forged = caller.client.post("/api/v1/import/", form_of(file=b"[2025-01-01] - I like tea."))
        assert (forged.status_code, forged.json()["code"]) == (403, "csrf_failed")
        caller.headers = {"X-CSRFToken": caller.client.cookies[settings.CSRF_COOKIE_NAME].value}
    memories = b"[2025-01-01] - I like tea.\n[2025-01-02] - I like coffee."
    answer = caller.client.post("/api/v1/import/", form_of(file=memories), headers=caller.headers)
    assert (answer.status_code, answer.json()["new"]) == (201, 2)
    assert caller("post", f"/import/{answer.json()['id']}/run/", {}).json["done"] == 2


def test_import_accepts_several_files_with_folders(ada: User) -> None:
    caller = app_of(ada, *MANAGER)
    boundary = "a-boundary"
    parts = [
        ('name="file"; filename="Vault/Garden/Beans.md"', "Sow in May."),
        ('name="file"; filename="caf\u00e9.txt"', "[2025-01-01] - I like tea."),
        ('name="text"', "[2025-01-02] - I like coffee."),
    ]
    body = "".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"
        for head, content in parts
    )
    answer = caller.client.generic(
        "POST",
        "/api/v1/import/?text_column=text",
        f"{body}--{boundary}--\r\n".encode(),
        content_type=f"multipart/form-data; boundary={boundary}",
        headers=caller.headers,
    )
    assert (answer.status_code, answer.json()["new"]) == (201, 3)
    names = {report.name for report in load_reports(ImportBatch.objects.get().report)}
    assert names == {"Vault/Garden/Beans.md", "caf\u00e9.txt", ""}


@pytest.mark.parametrize(
    "media_type", ["application/gzip", "text/html", "application/x-www-form-urlencoded", ""]
)
def test_raw_body_is_read_by_content_and_named_by_its_header(media_type: str, ada: User) -> None:
    caller = app_of(ada, *MANAGER)
    headers = {**caller.headers, "Content-Disposition": "attachment; filename*=UTF-8''caf%C3%A9.txt"}
    body = b"[2025-01-01] - I like tea."
    answer = caller.client.generic("POST", "/api/v1/import/", body, content_type=media_type, headers=headers)
    assert (answer.status_code, answer.json()["new"]) == (201, 1)
    [report] = load_reports(ImportBatch.objects.get().report)
    assert report.name == "caf\u00e9.txt"


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, "invalid"),
        (form_of(**{f"file{number}": b"x" for number in range(6)}), 400, "malformed"),
        ({f"field{number}": "x" for number in range(101)}, 400, "malformed"),
        ({"field": "x" * 1_000_001}, 413, "too_large"),
    ],
    ids=["no file", "too many files", "too many fields", "long field"],
)
def test_form_over_its_limits_is_rejected(
    form: dict[str, Any], status: int, code: str, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_FILES", 5)
    caller = app_of(ada, *MANAGER)
    answer = caller.client.post("/api/v1/import/", form, headers=caller.headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_form_with_a_part_without_name_is_rejected(ada: User) -> None:
    caller = app_of(ada, *MANAGER)
    answer = caller.client.generic(
        "POST",
        "/api/v1/import/",
        b'--b\r\nContent-Disposition: form-data; name=file; filename="caf\xe9"\r\n\r\nx\r\n--b--\r\n',
        content_type="multipart/form-data; boundary=b",
        headers=caller.headers,
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("body", "code"), [(b"", "empty"), (b"\x89PNG\0", "unknown_kind"), (b'[{"memory": "a"', "broken_json")]
)
def test_unreadable_file_is_reported(ada: User, body: bytes, code: str) -> None:
    answer = session_of(ada)("post", "/import/", body)
    assert (answer.status, answer.code) == (400, "invalid")
    assert [each["code"] for each in answer.json["errors"]] == [code]


def test_second_import_conflicts_with_one_in_progress(ada: User) -> None:
    batch = stage(session(ada), file_of([f"memory {n}" for n in range(600)]))
    import_run.start_import(session(ada), batch.pk)
    answer = session_of(ada)("post", "/import/", b"[2025-01-01] - two")
    assert (answer.status, answer.code) == (409, "import_under_way")


def test_unknown_query_values_are_rejected(ada: User) -> None:
    for method, path in (("post", "/import/?chats=some"), ("get", "/export/?format=xml")):
        assert session_of(ada)(method, path, b"x" if method == "post" else None).status == 400


@pytest.mark.parametrize("export_format", EXPORT_FORMATS)
def test_every_export_format_is_sent_as_a_file(ada: User, export_format: str) -> None:
    remember(ada, "I like tea.")
    answer: Any = app_of(ada, scopes.READ, scopes.ADMIN)("get", f"/export/?format={export_format}")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert b"I like tea." in answer.content or answer.content.startswith(b"PK")


def test_default_export_is_json_lines(ada: User) -> None:
    remember(ada, "I like tea.")
    assert json.loads(session_of(ada)("get", "/export/").content)["text"] == "I like tea."


def test_complete_export_requires_the_users_own_session(ada: User) -> None:
    assert session_of(ada)("get", "/export/?format=everything").content.startswith(b"PK")
    answer = app_of(ada, *scopes.DESCRIPTIONS)("get", "/export/?format=everything")
    assert (answer.status, answer.code) == (403, "session_required")
