"""Every endpoint without a token, without the scope, as another user and as the owner."""

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
from memories.services import writes
from tests.factories import app, remember, session
from tests.memories.api.callers import Answer, anonymous, app_of, session_of
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db

Rows = dict[str, Any]
UNKNOWN_ID = "019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90"


class ApiRequest(NamedTuple):
    """A request, the scope it needs (None: any), and the status that the owner gets.

    The scope "sign-in" stands for the user's own session.
    """

    method: str
    path: str
    scope: str | None
    status: int
    body: Any = None


REQUESTS = {
    "list": ApiRequest("get", "/memories/", scopes.READ, 200),
    "create": ApiRequest("post", "/memories/", scopes.WRITE, 201, {"text": "New."}),
    "search": ApiRequest("post", "/memories/search/", scopes.READ, 200, {"query": "zebra"}),
    "bulk": ApiRequest(
        "post", "/memories/bulk/", scopes.WRITE, 200, {"operations": [{"op": "create", "text": "New."}]}
    ),
    "read": ApiRequest("get", "/memories/{saved}/", scopes.READ, 200),
    "replace": ApiRequest("put", "/memories/{saved}/", scopes.WRITE, 200, {"text": "Other."}),
    "update": ApiRequest("patch", "/memories/{saved}/", scopes.WRITE, 200, {"text": "Other."}),
    "trash": ApiRequest("delete", "/memories/{saved}/", scopes.WRITE, 204),
    "history": ApiRequest("get", "/memories/{saved}/history/", scopes.READ, 200),
    "restore version": ApiRequest("post", "/memories/{saved}/history/1/restore/", scopes.WRITE, 200),
    "ask": ApiRequest("post", "/personas/me/ask/", scopes.READ, 200, {"question": "Where is the zebra?"}),
    "context": ApiRequest("get", "/context/", scopes.READ, 200),
    "tags": ApiRequest("get", "/tags/", scopes.READ, 200),
    "rename tag": ApiRequest("patch", "/tags/{tag}/", scopes.ADMIN, 200, {"name": "other"}),
    "merge tags": ApiRequest("post", "/tags/{tag}/merge/", scopes.ADMIN, 200, {"into": "{tag}"}),
    "remove tag": ApiRequest("delete", "/tags/{tag}/", scopes.ADMIN, 204),
    "similar": ApiRequest("get", "/memories/{saved}/similar/", scopes.READ, 200),
    "merge": ApiRequest(
        "post", "/memories/{saved}/similar/{similar}/unite/", scopes.WRITE, 200, {"merge": True}
    ),
    "keep both": ApiRequest("post", "/memories/{saved}/similar/{similar}/keep/", scopes.WRITE, 204),
    # Without a chat model, only marked lines are proposed; tests/memories/review/test_extraction.py uses one.
    "extract": ApiRequest("post", "/memories/extract/", scopes.WRITE, 200, {"conversation": "Me: hello."}),
    "list trash": ApiRequest("get", "/trash/", scopes.READ, 200),
    "empty trash": ApiRequest("delete", "/trash/", scopes.ADMIN, 200),
    "delete": ApiRequest("delete", "/trash/{trashed}/", scopes.ADMIN, 204),
    "restore": ApiRequest("post", "/trash/{trashed}/restore/", scopes.WRITE, 200),
    "whoami": ApiRequest("get", "/whoami/", None, 200),
    "profile": ApiRequest("get", "/profile/", scopes.READ, 200),
    "update profile": ApiRequest("patch", "/profile/", "sign-in", 200, {"bio": "New."}),
    "apps": ApiRequest("get", "/apps/", "sign-in", 200),
    "read app": ApiRequest("get", "/apps/{connected}/", "sign-in", 200),
    "update app": ApiRequest("patch", "/apps/{connected}/", "sign-in", 200, {"paused": True}),
    "disconnect": ApiRequest("delete", "/apps/{connected}/", "sign-in", 204),
    "trash written by app": ApiRequest("post", "/apps/{connected}/forget/", "sign-in", 200),
    "imports": ApiRequest("get", "/import/", scopes.ADMIN, 200),
    "preview import": ApiRequest("post", "/import/", scopes.ADMIN, 201, [{"memory": "New."}]),
    "read import": ApiRequest("get", "/import/{staged}/", scopes.ADMIN, 200),
    "run import": ApiRequest("post", "/import/{staged}/run/", scopes.ADMIN, 200, {}),
    "undo import": ApiRequest("post", "/import/{staged}/undo/", scopes.ADMIN, 200),
    "discard import": ApiRequest("delete", "/import/{staged}/", scopes.ADMIN, 204),
    "export": ApiRequest("get", "/export/", scopes.ADMIN, 200),
    "proposals": ApiRequest("get", "/proposals/", "sign-in", 200),
    "accept proposal": ApiRequest(
        "post", "/proposals/{proposed}/accept/", "sign-in", 201, {"text": "The canary, edited."}
    ),
    "decline proposal": ApiRequest("delete", "/proposals/{proposed}/", "sign-in", 204),
    "activity": ApiRequest("get", "/activity/", scopes.READ, 200),
}
PLACEHOLDERS = ("saved", "similar", "trashed", "connected", "staged", "proposed", "tag")
DETAIL_REQUESTS = [name for name, request in REQUESTS.items() if "{" in request.path]


@pytest.fixture
def rows(ada: User) -> Rows:
    saved, trashed = remember(ada, "First.", tags=["canary"]), remember(ada, "In the trash.")
    similar = remember(ada, "Much like the canary.")
    writes.update_memory(session(ada), saved.pk, text="The zebra canary.")
    writes.trash_memory(session(ada), trashed.pk)
    staged = stage(session(ada), file_of("[2025-01-01] - canary"))
    with pytest.raises(ApprovalRequired) as error:
        writes.create_memory(app(ada, asks_first=True), text="A pending canary.")
    [proposed] = error.value.proposals
    connected = allow(ada, make_app())
    return {
        "saved": saved, "similar": similar, "trashed": trashed, "connected": connected, "staged": staged,
        "proposed": proposed, "tag": next(iter(saved.tags.all())),
    }  # fmt: skip


def send(caller: Callable[..., Answer], request: ApiRequest, rows: Rows | None = None) -> Answer:
    ids = {name: row.pk for name, row in rows.items()} if rows else dict.fromkeys(PLACEHOLDERS, UNKNOWN_ID)
    body = {"into": str(ids["tag"])} if request.body == {"into": "{tag}"} else request.body
    return caller(request.method, request.path.format(**ids), body)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back all changes of the block."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def send_all(caller: Callable[..., Answer], rows: Rows) -> Iterator[tuple[str, ApiRequest, Answer]]:
    """Send every request, each with the initial rows."""
    for name, request in REQUESTS.items():
        with rolled_back():
            answer = send(caller, request, rows)
        yield name, request, answer


@pytest.mark.compliance("RFC 6750", "3")
def test_request_without_token_gets_a_challenge(rows: Rows) -> None:
    for name, _request, answer in send_all(anonymous(), rows):
        assert (answer.status, answer.code) == (401, "not_authenticated"), name
        assert "resource_metadata=" in answer.headers["WWW-Authenticate"]
        assert "error=" not in answer.headers["WWW-Authenticate"]


def test_unknown_token_is_rejected_even_with_a_session(ada: User, rows: Rows) -> None:
    caller = session_of(ada)
    caller.headers["Authorization"] = f"Bearer picard_at_{'x' * 43}"
    for name, _request, answer in send_all(caller, rows):
        assert (answer.status, answer.code) == (401, "invalid_token"), name
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("missing", scopes.DESCRIPTIONS)
@pytest.mark.compliance("RFC 6750", "3.1")
def test_app_without_the_scope_is_rejected(missing: str, ada: User, rows: Rows) -> None:
    caller = app_of(ada, *(scope for scope in scopes.DESCRIPTIONS if scope != missing))
    for name, request, answer in send_all(caller, rows):
        if request.scope == missing:
            assert (answer.status, answer.code) == (403, "insufficient_scope"), name
            assert 'error="insufficient_scope", ' in answer.headers["WWW-Authenticate"]
            assert f'scope="{missing}"' in answer.headers["WWW-Authenticate"]


def test_owner_session_is_allowed(ada: User, rows: Rows) -> None:
    for name, request, answer in send_all(session_of(ada), rows):
        assert answer.status == request.status, name


@pytest.mark.parametrize("granted", scopes.DESCRIPTIONS)
def test_owners_app_is_allowed_within_its_scope(granted: str, ada: User, rows: Rows) -> None:
    extra = [scopes.WRITE] if granted == scopes.ADMIN else []  # imports need it too
    for name, request, answer in send_all(app_of(ada, scopes.READ, granted, *extra), rows):
        if request.scope in (granted, None):
            is_hidden_from_apps = "{trashed}" in request.path or "{staged}" in request.path
            assert answer.status == (404 if is_hidden_from_apps else request.status), name


def test_some_requests_require_the_users_own_session(ada: User, rows: Rows) -> None:
    for name, request, answer in send_all(app_of(ada, *scopes.DESCRIPTIONS), rows):
        if request.scope == "sign-in":
            assert (answer.status, answer.code) == (403, "session_required"), name


@pytest.mark.parametrize(
    "who", [session_of, lambda bob: app_of(bob, *scopes.DESCRIPTIONS)], ids=["session", "app"]
)
def test_other_users_get_the_same_response_as_for_unknown_ids(
    who: Callable[[User], Any], bob: User, rows: Rows
) -> None:
    caller = who(bob)
    for name in DETAIL_REQUESTS:
        foreign, absent = send(caller, REQUESTS[name], rows), send(caller, REQUESTS[name])
        assert foreign.status == (403 if foreign.code == "session_required" else 404), name
        assert without_request_id(foreign) == without_request_id(absent)


def test_responses_to_other_users_contain_none_of_the_data(bob: User, rows: Rows) -> None:
    for _name, _request, answer in send_all(session_of(bob), rows):
        assert b"canary" not in answer.content
        assert all(str(row.pk).encode() not in answer.content for row in rows.values())


def test_closed_account_is_rejected_immediately(ada: User, rows: Rows) -> None:
    callers = [session_of(ada), app_of(ada, *scopes.DESCRIPTIONS)]
    ada.is_active = False
    ada.save()
    for caller in callers:
        assert {answer.status for _name, _request, answer in send_all(caller, rows)} == {401}


def test_session_without_csrf_token_cannot_write(ada: User, rows: Rows) -> None:
    caller = session_of(ada)
    caller.client.handler.enforce_csrf_checks = True
    for name, request, answer in send_all(caller, rows):
        if request.method == "get":
            assert answer.status == request.status, name
        else:
            assert (answer.status, answer.code) == (403, "csrf_failed"), name


def test_session_with_csrf_token_can_write(ada: User) -> None:
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


def test_app_needs_publish_scope_to_make_a_memory_public(ada: User, rows: Rows) -> None:
    path = f"/memories/{rows['saved'].pk}/"
    refused = app_of(ada)("patch", path, {"visibility": "public"})
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert 'scope="memories:publish"' in refused.headers["WWW-Authenticate"]
    allowed = app_of(ada, scopes.READ, scopes.WRITE, scopes.PUBLISH)("patch", path, {"visibility": "public"})
    assert allowed.json["visibility"] == "public"


def test_app_needs_admin_scope_for_bulk_changes(ada: User, rows: Rows) -> None:
    operations = {"operations": [{"op": "trash", "id": str(rows["saved"].pk)}]}
    refused = app_of(ada)("post", "/memories/bulk/", operations)
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert 'scope="memories:admin"' in refused.headers["WWW-Authenticate"]
    allowed = app_of(ada, scopes.READ, scopes.WRITE, scopes.ADMIN)("post", "/memories/bulk/", operations)
    assert allowed.json["results"][0]["status"] == 204


def test_staff_cannot_read_memories_of_others(carol: User, rows: Rows) -> None:
    assert send(session_of(carol), REQUESTS["read"], rows).status == 404


def without_request_id(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    request_id = answer.json["request_id"].encode()
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
    return answer.status, answer.content.replace(request_id, b""), headers
