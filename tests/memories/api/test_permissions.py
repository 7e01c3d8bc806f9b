"""Every address: no token, wrong scope, stranger, owner."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import User
from memories import scopes
from memories.errors import ApprovalRequired
from memories.portability.imports.stage import stage_import
from memories.services import writes
from tests.factories import app, remember, session
from tests.memories.api.callers import Answer, app_of, nobody, session_of
from tests.memories.portability.samples import file_of
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db

Rows = dict[str, Any]
ABSENT = "019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90"


class Act(NamedTuple):
    """A call, the scope it needs (None: any will do), and what its owner is answered."""

    method: str
    path: str
    scope: str | None
    status: int
    body: Any = None


ACTS = {
    "list": Act("get", "/memories/", scopes.READ, 200),
    "create": Act("post", "/memories/", scopes.WRITE, 201, {"text": "New."}),
    "search": Act("post", "/memories/search/", scopes.READ, 200, {"query": "zebra"}),
    "bulk": Act(
        "post", "/memories/bulk/", scopes.WRITE, 200, {"operations": [{"op": "create", "text": "New."}]}
    ),
    "read": Act("get", "/memories/{kept}/", scopes.READ, 200),
    "replace": Act("put", "/memories/{kept}/", scopes.WRITE, 200, {"text": "Other."}),
    "change": Act("patch", "/memories/{kept}/", scopes.WRITE, 200, {"text": "Other."}),
    "trash": Act("delete", "/memories/{kept}/", scopes.WRITE, 204),
    "history": Act("get", "/memories/{kept}/history/", scopes.READ, 200),
    "restore version": Act("post", "/memories/{kept}/history/1/restore/", scopes.WRITE, 200),
    "ask": Act("post", "/personas/me/ask/", scopes.READ, 200, {"question": "Where is the zebra?"}),
    "tags": Act("get", "/tags/", scopes.READ, 200),
    "rename tag": Act("patch", "/tags/{tag}/", scopes.ADMIN, 200, {"name": "other"}),
    "merge tags": Act("post", "/tags/{tag}/merge/", scopes.ADMIN, 200, {"into": "{tag}"}),
    "remove tag": Act("delete", "/tags/{tag}/", scopes.ADMIN, 204),
    "similar": Act("get", "/memories/{kept}/similar/", scopes.READ, 200),
    "unite": Act("post", "/memories/{kept}/similar/{alike}/unite/", scopes.WRITE, 200, {"merge": True}),
    "keep both": Act("post", "/memories/{kept}/similar/{alike}/keep/", scopes.WRITE, 204),
    # There is no chat model here; tests/memories/review/test_extraction.py has one.
    "extract": Act("post", "/memories/extract/", scopes.WRITE, 404, {"conversation": "Me: hello."}),
    "list trash": Act("get", "/trash/", scopes.READ, 200),
    "empty trash": Act("delete", "/trash/", scopes.ADMIN, 200),
    "delete": Act("delete", "/trash/{trashed}/", scopes.ADMIN, 204),
    "restore": Act("post", "/trash/{trashed}/restore/", scopes.WRITE, 200),
    "whoami": Act("get", "/whoami/", None, 200),
    "profile": Act("get", "/profile/", scopes.READ, 200),
    "change profile": Act("patch", "/profile/", "sign-in", 200, {"bio": "New."}),
    "apps": Act("get", "/apps/", "sign-in", 200),
    "app": Act("get", "/apps/{connected}/", "sign-in", 200),
    "change app": Act("patch", "/apps/{connected}/", "sign-in", 200, {"paused": True}),
    "disconnect": Act("delete", "/apps/{connected}/", "sign-in", 204),
    "forget": Act("post", "/apps/{connected}/forget/", "sign-in", 200),
    "imports": Act("get", "/import/", scopes.ADMIN, 200),
    "look": Act("post", "/import/", scopes.ADMIN, 201, [{"memory": "New."}]),
    "import": Act("get", "/import/{staged}/", scopes.ADMIN, 200),
    "run": Act("post", "/import/{staged}/run/", scopes.ADMIN, 200, {}),
    "undo": Act("post", "/import/{staged}/undo/", scopes.ADMIN, 200),
    "discard": Act("delete", "/import/{staged}/", scopes.ADMIN, 204),
    "export": Act("get", "/export/", scopes.ADMIN, 200),
    "proposals": Act("get", "/proposals/", "sign-in", 200),
    "accept": Act("post", "/proposals/{proposed}/accept/", "sign-in", 201, {"text": "The canary, edited."}),
    "decline": Act("delete", "/proposals/{proposed}/", "sign-in", 204),
    "activity": Act("get", "/activity/", scopes.READ, 200),
}
PLACES = ("kept", "alike", "trashed", "connected", "staged", "proposed", "tag")
OF_ONE = [name for name, act in ACTS.items() if "{" in act.path]


@pytest.fixture
def rows(ada: User) -> Rows:
    kept, trashed = remember(ada, "First.", tags=["canary"]), remember(ada, "Thrown away.")
    alike = remember(ada, "Much like the canary.")
    writes.update_memory(session(ada), kept.pk, text="The zebra canary.")
    writes.trash_memory(session(ada), trashed.pk)
    staged = stage_import(session(ada), file_of("[2025-01-01] - canary"))
    with pytest.raises(ApprovalRequired) as waits:
        writes.create_memory(app(ada, asks_first=True), text="A canary that waits.")
    [proposed] = waits.value.proposals
    connected = allow(ada, make_app())
    return {
        "kept": kept, "alike": alike, "trashed": trashed, "connected": connected, "staged": staged,
        "proposed": proposed, "tag": next(iter(kept.tags.all())),
    }  # fmt: skip


def call(caller: Callable[..., Answer], act: Act, rows: Rows | None = None) -> Answer:
    ids = {name: row.pk for name, row in rows.items()} if rows else dict.fromkeys(PLACES, ABSENT)
    body = {"into": str(ids["tag"])} if act.body == {"into": "{tag}"} else act.body
    return caller(act.method, act.path.format(**ids), body)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written within never was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def each(caller: Callable[..., Answer], rows: Rows) -> Iterator[tuple[str, Act, Answer]]:
    """Every act, each as if it were the first."""
    for name, act in ACTS.items():
        with undone():
            answer = call(caller, act, rows)
        yield name, act, answer


@pytest.mark.compliance("RFC 6750", "3")
def test_nobody_is_told_to_get_a_token(rows: Rows) -> None:
    for name, _act, answer in each(nobody(), rows):
        assert (answer.status, answer.code) == (401, "not_authenticated"), name
        assert "resource_metadata=" in answer.headers["WWW-Authenticate"]
        assert "error=" not in answer.headers["WWW-Authenticate"]


def test_an_unknown_token_is_refused_even_beside_a_session(ada: User, rows: Rows) -> None:
    caller = session_of(ada)
    caller.headers["Authorization"] = f"Bearer picard_at_{'x' * 43}"
    for name, _act, answer in each(caller, rows):
        assert (answer.status, answer.code) == (401, "invalid_token"), name
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("missing", scopes.DESCRIPTIONS)
@pytest.mark.compliance("RFC 6750", "3.1")
def test_an_app_needs_the_scope(missing: str, ada: User, rows: Rows) -> None:
    caller = app_of(ada, *(scope for scope in scopes.DESCRIPTIONS if scope != missing))
    for name, act, answer in each(caller, rows):
        if act.scope == missing:
            assert (answer.status, answer.code) == (403, "insufficient_scope"), name
            assert 'error="insufficient_scope", ' in answer.headers["WWW-Authenticate"]
            assert f'scope="{missing}"' in answer.headers["WWW-Authenticate"]


def test_the_owner_may(ada: User, rows: Rows) -> None:
    for name, act, answer in each(session_of(ada), rows):
        assert answer.status == act.status, name


@pytest.mark.parametrize("held", scopes.DESCRIPTIONS)
def test_the_owners_app_may_within_its_scope(held: str, ada: User, rows: Rows) -> None:
    beside = [scopes.WRITE] if held == scopes.ADMIN else []  # who manages must be let write, to import
    for name, act, answer in each(app_of(ada, scopes.READ, held, *beside), rows):
        if act.scope in (held, None):
            is_the_persons_own = "{trashed}" in act.path or "{staged}" in act.path
            assert answer.status == (404 if is_the_persons_own else act.status), name


def test_some_acts_are_for_the_persons_own_session(ada: User, rows: Rows) -> None:
    for name, act, answer in each(app_of(ada, *scopes.DESCRIPTIONS), rows):
        if act.scope == "sign-in":
            assert (answer.status, answer.code) == (403, "session_required"), name


@pytest.mark.parametrize(
    "who", [session_of, lambda bob: app_of(bob, *scopes.DESCRIPTIONS)], ids=["session", "app"]
)
def test_a_stranger_is_answered_as_if_there_were_nothing(
    who: Callable[[User], Any], bob: User, rows: Rows
) -> None:
    caller = who(bob)
    for name in OF_ONE:
        foreign, absent = call(caller, ACTS[name], rows), call(caller, ACTS[name])
        assert foreign.status == (403 if foreign.code == "session_required" else 404), name
        assert without_request_id(foreign) == without_request_id(absent)


def test_a_strangers_answers_hold_nothing_of_others(bob: User, rows: Rows) -> None:
    for _name, _act, answer in each(session_of(bob), rows):
        assert b"canary" not in answer.content
        assert all(str(row.pk).encode() not in answer.content for row in rows.values())


def test_a_closed_account_is_refused_at_once(ada: User, rows: Rows) -> None:
    callers = [session_of(ada), app_of(ada, *scopes.DESCRIPTIONS)]
    ada.is_active = False
    ada.save()
    for caller in callers:
        assert {answer.status for _name, _act, answer in each(caller, rows)} == {401}


def test_a_session_that_writes_needs_the_csrf_token(ada: User, rows: Rows) -> None:
    caller = session_of(ada)
    caller.client.handler.enforce_csrf_checks = True
    for name, act, answer in each(caller, rows):
        if act.method == "get":
            assert answer.status == act.status, name
        else:
            assert (answer.status, answer.code) == (403, "csrf_failed"), name


def test_a_session_with_the_csrf_token_writes(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    client.get("/api/docs/")
    token = client.cookies["picard_csrf"].value
    created = client.post(
        "/api/v1/memories/",
        json.dumps({"text": "By hand."}),
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert created.status_code == 201


def test_an_app_needs_its_own_scope_to_make_public(ada: User, rows: Rows) -> None:
    path = f"/memories/{rows['kept'].pk}/"
    refused = app_of(ada)("patch", path, {"visibility": "public"})
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert 'scope="memories:publish"' in refused.headers["WWW-Authenticate"]
    allowed = app_of(ada, scopes.READ, scopes.WRITE, scopes.PUBLISH)("patch", path, {"visibility": "public"})
    assert allowed.json["visibility"] == "public"


def test_to_change_many_at_once_an_app_needs_admin(ada: User, rows: Rows) -> None:
    operations = {"operations": [{"op": "trash", "id": str(rows["kept"].pk)}]}
    refused = app_of(ada)("post", "/memories/bulk/", operations)
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert 'scope="memories:admin"' in refused.headers["WWW-Authenticate"]
    allowed = app_of(ada, scopes.READ, scopes.WRITE, scopes.ADMIN)("post", "/memories/bulk/", operations)
    assert allowed.json["results"][0]["status"] == 204


def test_staff_have_no_other_rights_here(carol: User, rows: Rows) -> None:
    assert call(session_of(carol), ACTS["read"], rows).status == 404


def without_request_id(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    request_id = answer.json["request_id"].encode()
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
    return answer.status, answer.content.replace(request_id, b""), headers
