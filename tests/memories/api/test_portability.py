"""Moving in and out over REST: look, run, undo, export; errors are problems."""

import json
from typing import Any

import pytest

from accounts.models import User
from memories import scopes
from memories.models import Memory
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import stage_import
from tests.factories import remember, session
from tests.memories.api.callers import app_of, session_of
from tests.memories.portability import samples
from tests.memories.portability.samples import file_of

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)


def test_an_app_moves_a_person_in_and_takes_it_back(ada: User) -> None:
    caller = app_of(ada, *MANAGER)
    looked = caller("post", "/import/?chats=all", samples.chatgpt_zip().read())
    assert (looked.status, looked.json["format"], looked.json["new"], looked.json["total"]) == (
        201,
        "chatgpt",
        5,
        5,
    )
    assert looked.headers["Location"] == f"/api/v1/import/{looked.json['id']}/"
    assert not Memory.objects.exists()
    ran = caller("post", f"/import/{looked.json['id']}/run/", {})
    assert (ran.json["state"], ran.json["done"]) == ("done", 5)
    assert Memory.objects.filter(deleted_at=None).count() == 5
    assert caller("post", f"/import/{looked.json['id']}/undo/").json["state"] == "undone"
    assert Memory.objects.filter(deleted_at=None).count() == 0
    assert [each["state"] for each in caller("get", "/import/").json["results"]] == ["undone"]


@pytest.mark.parametrize(
    ("body", "code"), [(b"", "empty"), (b"\x89PNG\0", "unknown_format"), (b'[{"memory": "a"', "broken_json")]
)
def test_what_cannot_be_read_is_a_problem(ada: User, body: bytes, code: str) -> None:
    answer = session_of(ada)("post", "/import/", body)
    assert (answer.status, answer.code) == (400, "invalid")
    assert [each["code"] for each in answer.json["errors"]] == [code]


def test_while_one_is_under_way_the_next_is_a_conflict(ada: User) -> None:
    batch = stage_import(session(ada), file_of([f"memory {n}" for n in range(600)]))
    import_run.start_import(session(ada), batch.pk)
    answer = session_of(ada)("post", "/import/", b"[2025-01-01] - two")
    assert (answer.status, answer.code) == (409, "import_under_way")


def test_an_unknown_choice_is_refused(ada: User) -> None:
    for method, path in (("post", "/import/?chats=some"), ("get", "/export/?format=xml")):
        assert session_of(ada)(method, path, b"x" if method == "post" else None).status == 400


@pytest.mark.parametrize("form", ["jsonl", "pam", "csv", "text", "markdown"])
def test_every_form_is_sent_as_a_file(ada: User, form: str) -> None:
    remember(ada, "I like tea.")
    answer: Any = app_of(ada, scopes.READ, scopes.ADMIN)("get", f"/export/?format={form}")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert b"I like tea." in answer.content or answer.content.startswith(b"PK")


def test_json_lines_are_json_lines(ada: User) -> None:
    remember(ada, "I like tea.")
    assert json.loads(session_of(ada)("get", "/export/").content)["text"] == "I like tea."


def test_everything_is_for_the_persons_own_session(ada: User) -> None:
    assert session_of(ada)("get", "/export/?format=everything").content.startswith(b"PK")
    answer = app_of(ada, *scopes.DESCRIPTIONS)("get", "/export/?format=everything")
    assert (answer.status, answer.code) == (403, "session_required")
