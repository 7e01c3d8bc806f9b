"""Requests and responses: fields, errors, versions, pages."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from memories import scopes
from memories.models import Memory, MemoryRevision
from memories.services import writes
from tests.factories import remember, session
from tests.memories.api.callers import Caller, anonymous, app_of, session_of
from tests.providers import Failing

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(ada: User) -> Caller:
    return app_of(ada, *scopes.DESCRIPTIONS)


# --- Memories ------------------------------------------------------------------------------------------------


def test_created_memory_has_the_values_sent(api: Caller) -> None:
    sent = {"text": "Peanuts. No.", "tags": ["food", "Health"], "expires_at": "2999-01-31T12:00:00+02:00"}
    created = api("post", "/memories/", sent)
    assert created.status == 201
    assert created.headers["ETag"] == '"1"'
    assert created.headers["Cache-Control"] == "no-store"
    assert created.headers["Location"] == f"/api/v1/memories/{created.json['id']}/"
    expected = {
        **sent,
        "expires_at": "2999-01-31T10:00:00Z",
        "visibility": "private",
        "version": 1,
        "state": "pending",
    }
    assert {name: created.json[name] for name in expected} == expected
    assert api("get", f"/memories/{created.json['id']}/").json == created.json


def test_put_replaces_and_patch_updates(api: Caller) -> None:
    path = f"/memories/{api('post', '/memories/', {'text': 'One.', 'tags': ['a']}).json['id']}/"
    assert api("patch", path, {"text": "Two."}).json["tags"] == ["a"]
    assert api("put", path, {"text": "Two."}).json["tags"] == []
    assert api("patch", path, {}).json["version"] == 3


def test_outdated_if_match_is_rejected(api: Caller, ada: User) -> None:
    path = f"/memories/{remember(ada, 'One.').pk}/"
    assert api("patch", path, {"text": "Two."}, If_Match='"1"').headers["ETag"] == '"2"'
    for method, body in (("put", {"text": "Three."}), ("patch", {"text": "Three."}), ("delete", None)):
        for tag in ('"1"', 'W/"2"', '"nonsense"', "2"):
            stale = api(method, path, body, If_Match=tag)
            assert (stale.status, stale.code, stale.headers["ETag"]) == (412, "version_conflict", '"2"')
    assert api("patch", path, {"text": "Three."}, If_Match="*").status == 200
    assert api("delete", path, If_Match='"3"').status == 204


def test_several_etags_in_if_match_are_rejected(api: Caller, ada: User) -> None:
    answer = api("delete", f"/memories/{remember(ada, 'One.').pk}/", If_Match='"1", "2"')
    assert answer.status == 400
    assert answer.json["errors"][0]["pointer"] == "header:If-Match"


def test_history_lists_and_restores_versions(api: Caller, ada: User) -> None:
    memory = remember(ada, "Before.")
    writes.update_memory(session(ada), memory.pk, text="After.")
    path = f"/memories/{memory.pk}/history/"
    assert [(row["version"], row["text"]) for row in api("get", path).json["results"]] == [(1, "Before.")]
    assert api("post", f"{path}1/restore/").json["text"] == "Before."
    assert api("post", f"{path}9/restore/").status == 404
    assert MemoryRevision.objects.count() == 2


def test_long_history_is_paginated(api: Caller, ada: User) -> None:
    memory = remember(ada, "Text 1.")
    for number in range(2, 7):
        writes.update_memory(session(ada), memory.pk, text=f"Text {number}.")
    path, seen = f"/memories/{memory.pk}/history/?limit=2", []
    while path:
        page = api("get", path).json
        seen.append([row["version"] for row in page["results"]])
        path = (page["next"] or "").partition("/api/v1")[2]
    assert seen == [[5, 4], [3, 2], [1]]
    assert api("get", f"/memories/{memory.pk}/history/?cursor=x").status == 400


def test_trash_is_visible_only_to_the_users_own_session(ada: User, api: Caller) -> None:
    person, memory = session_of(ada), remember(ada, "Gone.")
    assert api("delete", f"/memories/{memory.pk}/").status == 204
    assert person("get", "/trash/").texts == ["Gone."]
    assert api("get", "/trash/").texts == []
    assert person("post", f"/trash/{memory.pk}/restore/").json["version"] == 3
    person("delete", f"/memories/{memory.pk}/")
    assert person("delete", f"/trash/{memory.pk}/").status == 204
    person("delete", f"/memories/{remember(ada, 'Gone too.').pk}/")
    assert person("delete", "/trash/").json == {"deleted": 1}
    assert Memory.objects.count() == 0


def test_trash_can_be_filtered_by_expired(ada: User) -> None:
    api = session_of(ada)
    writes.trash_memory(session(ada), remember(ada, "Thrown away.").pk)
    Memory.objects.filter(pk=remember(ada, "Expired.").pk).update(expires_at=timezone.now())
    for query, texts in (
        ("", ["Expired.", "Thrown away."]),
        ("?expired=true", ["Expired."]),
        ("?expired=false", ["Thrown away."]),
    ):
        assert api("get", f"/trash/{query}").texts == texts


@pytest.mark.plain(reason="has SQL of its own without an owner")
def test_undecryptable_memory_does_not_hide_others(api: Caller, ada: User) -> None:
    remember(ada, "Readable.")
    Memory.objects.filter(pk=remember(ada, "Broken.").pk).update(source="moved")
    broken = Memory.objects.order_by("-pk")[0]
    readable = Memory.objects.order_by("pk")[0]
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "update memories_memory set text = (select text from memories_memory where id = %s) where id = %s",
            [readable.pk, broken.pk],
        )
    assert api("get", "/memories/").texts == [None, "Readable."]


# --- Lists and search -------------------------------------------------------------------------------------------


def test_pagination_is_stable_while_memories_are_added(api: Caller, ada: User) -> None:
    for number in range(5):
        remember(ada, f"Thing {number}.")
    first = api("get", "/memories/?limit=2")
    remember(ada, "Newer.")
    second_path = first.json["next"].removeprefix("http://testserver/api/v1")
    second = api("get", second_path)
    third = api("get", second.json["next"].removeprefix("http://testserver/api/v1"))
    assert first.texts + second.texts + third.texts == [f"Thing {number}." for number in (4, 3, 2, 1, 0)]
    assert third.json["next"] is None


def test_cursor_leads_through_the_pages(api: Caller, ada: User) -> None:
    for number in range(5):
        remember(ada, f"Thing {number}.")
    texts, cursor = [], ""
    while cursor is not None:
        page = api("get", f"/memories/?limit=2&cursor={cursor}")
        texts.append(page.texts)
        cursor = page.json["next_cursor"]
        assert (page.json["next"] is None) == (cursor is None)
    assert texts == [["Thing 4.", "Thing 3."], ["Thing 2.", "Thing 1."], ["Thing 0."]]


@pytest.mark.parametrize("value", ["", "null"])
def test_empty_query_parameters_count_as_not_given(value: str, ada: User) -> None:
    person, memory = session_of(ada), remember(ada, "I like tea.", tags=["drinks"])
    [tag] = person("get", "/tags/").json["results"]
    names = ("cursor", "limit", "since", "until", "source", "visibility", "tags_any", "tags_all")
    query = "&".join(f"{name}={value}" for name in names)
    assert person("get", f"/memories/?{query}").texts == ["I like tea."]
    assert person("get", f"/memories/?tags_any={value}&tags_any={tag['id']}").texts == ["I like tea."]
    for path in (
        f"/memories/{memory.pk}/history/?cursor={value}&limit={value}",
        f"/trash/?expired={value}&cursor={value}",
        f"/activity/?client_id={value}",
        f"/proposals/?limit={value}",
        f"/export/?format={value}",
    ):
        assert person("get", path).status == 200, path
    assert person("post", f"/memories/?on_duplicate={value}", {"text": "I like tea."}).status == 201
    assert person("post", f"/import/?chats={value}", b"[2025-01-01] - I like coffee.").status == 201


def test_null_counts_as_omitted_where_a_field_cannot_be_null(api: Caller, ada: User) -> None:
    nothing = {"visibility": None, "tags": None, "expires_at": None}
    created = api("post", "/memories/", {"text": "I like tea.", **nothing})
    assert (created.status, created.json["visibility"], created.json["tags"]) == (201, "private", [])
    path = f"/memories/{created.json['id']}/"
    api("patch", path, {"tags": ["drinks"], "expires_at": "2999-01-31T12:00:00Z"})
    changed = api("patch", path, {"text": None, "tags": None, "visibility": None})
    assert (changed.json["text"], changed.json["tags"]) == ("I like tea.", ["drinks"])
    assert changed.json["expires_at"]
    assert api("patch", path, {"expires_at": None}).json["expires_at"] is None  # its null means: never
    names = ("visibility", "tags_any", "tags_all", "source", "since", "until", "limit")
    found = api("post", "/memories/search/", {"query": "tea", **dict.fromkeys(names)})
    assert [hit["memory"]["text"] for hit in found.json["results"]] == ["I like tea."]
    operation = {"op": "create", "text": "I like coffee.", "id": None, "expected_version": None, **nothing}
    [outcome] = api("post", "/memories/bulk/", {"operations": [operation]}).json["results"]
    assert outcome["status"] == 201


def test_list_filters_are_applied_and_preserved_in_next(api: Caller, ada: User) -> None:
    remember(ada, "Private at work.", tags=["work"])
    remember(ada, "Public at work.", tags=["work", "talks"], visibility="public")
    api("post", "/memories/", {"text": "From an app."})
    ids = {row["name"]: row["id"] for row in api("get", "/tags/").json["results"]}
    middle = Memory.objects.order_by("pk")[1].created_at.isoformat().replace("+00:00", "Z")
    cases = {
        "visibility=public": ["Public at work."],
        f"tags_any={ids['work']}": ["Public at work.", "Private at work."],
        f"tags_all={ids['work']}&tags_all={ids['talks']}": ["Public at work."],
        "source=web": ["Public at work.", "Private at work."],
        f"since={middle}": ["From an app.", "Public at work."],
        f"until={middle}": ["Private at work."],
    }
    for query, expected in cases.items():
        assert api("get", f"/memories/?{query}").texts == expected, query
        assert (
            f"&{query.split('=')[0]}="
            in f"&{api('get', f'/memories/?limit=1&{query}').json['next'] or f'&{query}'}"
        )


def test_search_results_explain_the_match(api: Caller, ada: User, index: Any) -> None:
    remember(ada, "My puppy is called Rex.")
    remember(ada, "Nothing to do with it.")
    index()
    response = api("post", "/memories/search/", {"query": "hound called Rex", "limit": 1})
    [hit] = response.json["results"]
    assert hit["memory"]["text"] == "My puppy is called Rex."
    assert hit["matched"] == ["called", "Rex"]
    assert hit["cosine"] > 0
    assert response.json["degraded"] is False


def test_search_says_what_it_corrected(api: Caller, ada: User) -> None:
    remember(ada, "My birthday is on 2 May.")
    assert api("post", "/memories/search/", {"query": "brithday"}).json["corrected"] == "birthday"
    assert api("post", "/memories/search/", {"query": "birthday"}).json["corrected"] is None


def test_search_falls_back_to_keywords_without_provider(
    api: Caller, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(ada, "The zebra lives next door.")
    monkeypatch.setattr("memories.search.question.get_provider", lambda _code: Failing())
    response = api("post", "/memories/search/", {"query": "zebra"})
    assert response.json["degraded"] is True
    assert response.json["results"][0]["memory"]["text"] == "The zebra lives next door."


# --- Errors ----------------------------------------------------------------------------------------------

INVALID_REQUESTS: list[tuple[str, str, Any, str, str]] = [
    ("post", "/memories/", {"text": "x" * 8_001}, "#/text", "too_long"),
    ("post", "/memories/", {"text": "  "}, "#/text", "blank"),
    ("post", "/memories/", {"text": 5}, "#/text", "not_a_string"),
    ("post", "/memories/", {"text": None}, "#/text", "null"),
    ("post", "/memories/", {}, "#/text", "required"),
    ("post", "/memories/", [], "#", "invalid"),
    ("post", "/memories/", {"text": "x", "txet": "y"}, "#/txet", "unknown_field"),
    ("post", "/memories/", {"text": "x", "a/b~": 1}, "#/a~1b~0", "unknown_field"),
    ("post", "/memories/", {"text": "x", "tags": ["y" * 51]}, "#/tags", "tag_too_long"),
    ("post", "/memories/", {"text": "x", "tags": ["Berlin, DE"]}, "#/tags", "comma"),
    ("post", "/memories/", {"text": "x", "tags": ["東京、大阪"]}, "#/tags", "comma"),
    ("post", "/memories/", {"text": "x", "tags": [str(n) for n in range(21)]}, "#/tags", "too_many_tags"),
    ("post", "/memories/", {"text": "x", "tags": ["a", 1]}, "#/tags/1", "not_a_string"),
    ("post", "/memories/", {"text": "x", "tags": "a"}, "#/tags", "not_a_list"),
    ("post", "/memories/", {"text": "x", "visibility": "secret"}, "#/visibility", "unknown_visibility"),
    ("post", "/memories/", {"text": "x", "expires_at": "2999-01-01T00:00:00"}, "#/expires_at", "naive"),
    ("post", "/memories/", {"text": "x", "expires_at": "2001-01-01T00:00:00Z"}, "#/expires_at", "expired"),
    (
        "post",
        "/memories/",
        {"text": "x", "expires_at": "9999-12-31T23:59:59-12:00"},
        "#/expires_at",
        "overflow",
    ),
    ("post", "/memories/search/", {"query": "x", "limit": 101}, "#/limit", "max_value"),
    ("post", "/memories/search/", {"query": "x", "limit": True}, "#/limit", "invalid"),
    ("post", "/memories/search/", {"query": "x", "tags_any": ["work"]}, "#/tags_any/0", "invalid"),
    ("post", "/memories/bulk/", {"operations": []}, "#/operations", "min_length"),
    (
        "post",
        "/memories/bulk/",
        {"operations": [{"op": "create", "text": "x"}] * 101},
        "#/operations",
        "max_length",
    ),
    ("post", "/memories/bulk/", {"operations": [{"op": "trash"}]}, "#/operations/0/id", "required"),
    ("post", "/memories/bulk/", {"operations": [{"op": "x"}]}, "#/operations/0/op", "invalid_choice"),
    ("get", "/memories/?limit=0", None, "?limit", "min_value"),
    ("get", "/memories/?curser=x", None, "?curser", "unknown_field"),
    ("get", "/memories/?cursor=x", None, "?cursor", "invalid"),
    ("get", "/memories/?since=yesterday", None, "?since", "invalid"),
    ("patch", "/profile/", {"handle": "admin"}, "#/handle", "reserved"),
    ("patch", "/profile/", {"persona_enabled": "yes"}, "#/persona_enabled", "not_a_boolean"),
    ("patch", "/profile/", {"email": "x@example.org"}, "#/email", "unknown_field"),
]


def test_invalid_request_reports_pointer_and_code(ada: User) -> None:
    person = session_of(ada)
    for method, path, body, pointer, code in INVALID_REQUESTS:
        answer = person(method, path, body)
        assert (answer.status, answer.code) == (400, "invalid"), (path, body, answer.content)
        [error] = answer.json["errors"]
        assert (error["pointer"], error["code"]) == (pointer, code), (path, body)
        assert error["detail"]
    assert Memory.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"\xff", 400, "malformed"),
        (b'{"text": NaN}', 400, "malformed"),
        (b'{"text": "\\ud800"}', 400, "malformed"),
        (b'{"text": "a\\u0000b"}', 400, "null_character"),
        (b'{"text": ' + b"[" * 9 + b"]" * 9 + b"}", 400, "too_deep"),
        (b"[" * 100_000, 400, "malformed"),
        (b'{"text": "' + b"x" * 4_000_001 + b'"}', 413, "too_large"),
    ],
    ids=[
        "truncated",
        "not utf-8",
        "nan",
        "lone surrogate",
        "null character",
        "too deep",
        "extremely deep",
        "too large",
    ],
)
def test_malformed_or_oversized_json_is_rejected(api: Caller, body: bytes, status: int, code: str) -> None:
    answer = api("post", "/memories/", body)
    assert (answer.status, answer.code) == (status, code)


def test_only_json_bodies_are_accepted(ada: User) -> None:
    response = session_of(ada).client.post("/api/v1/memories/", {"text": "A form."})
    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


def test_problem_has_rfc_9457_members_and_request_id(api: Caller) -> None:
    answer = api("post", "/memories/", {"text": ""})
    assert answer.json["type"] == "urn:picard:problem:invalid"
    assert answer.json["title"] == "Bad Request"
    assert answer.json["status"] == answer.status == 400
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    assert answer.json["instance"].endswith(answer.json["request_id"])


@pytest.mark.parametrize("path", ["/nowhere/", "/memories", "/memories/1/", "/memories/x/history/"])
def test_unknown_url_returns_a_problem_instead_of_html(path: str) -> None:
    answer = anonymous()("get", path)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("path", ["/memories", "/memories/01a2135e-cab3-733d-948b-015c8e247071"])
def test_missing_final_slash_is_explained(path: str) -> None:
    assert "ends with a slash" in anonymous()("post", path, {}).json["detail"]


@pytest.mark.parametrize("page", ["docs", "schema"])
def test_documentation_urls_redirect_to_the_final_slash(page: str, client: Client) -> None:
    assert client.get(f"/api/{page}").headers["Location"] == f"/api/{page}/"


@pytest.mark.parametrize("url", ["/api/redoc", "/api/redoc/"])
def test_url_of_the_former_second_viewer_redirects(url: str, client: Client) -> None:
    assert client.get(url).headers["Location"] == "/api/docs/"


def test_unsupported_method_returns_405(api: Caller) -> None:
    answer = api("put", "/memories/", {})
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD"
    assert api("options", "/memories/").status == 405


def test_server_error_is_a_problem_without_user_data(
    api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **values: Any) -> None:
        raise RuntimeError(f"failed on {values}")

    monkeypatch.setattr("memories.services.writes.create_memory", fail)
    answer = api("post", "/memories/", {"text": "The zebra canary."})
    assert (answer.status, answer.code) == (500, "server_error")
    assert b"canary" not in answer.content


def test_unavailable_database_returns_503(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("the connection was refused")

    monkeypatch.setattr("memories.services.reads.list_memories", fail)
    answer = api("get", "/memories/")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "5")


# --- Bulk -----------------------------------------------------------------------------------------------------------


def test_failed_bulk_operation_does_not_stop_the_others(api: Caller, ada: User, bob: User) -> None:
    own, foreign = remember(ada, "Mine."), remember(bob, "Not yours.")
    operations = [
        {"op": "create", "text": "New.", "tags": ["bulk"]},
        {"op": "create", "text": ""},
        {"op": "update", "id": str(own.pk), "expected_version": 7, "text": "Late."},
        {"op": "update", "id": str(own.pk), "expected_version": 1, "text": "In time."},
        {"op": "trash", "id": str(foreign.pk)},
        {"op": "trash", "id": str(own.pk)},
    ]
    results = api("post", "/memories/bulk/", {"operations": operations}).json["results"]
    assert [result["status"] for result in results] == [201, 400, 412, 200, 404, 204]
    assert results[1]["problem"]["errors"][0]["pointer"] == "#/text"
    assert results[3]["memory"]["text"] == "In time."
    assert api("get", "/memories/").texts == ["New."]


# --- The user --------------------------------------------------------------------------------------------------


def test_whoami_reports_scopes_and_client(ada: User, api: Caller) -> None:
    identity = app_of(ada, scopes.READ)("get", "/whoami/").json
    assert identity["scopes"] == [scopes.READ]
    assert identity["person"]["handle"] == ada.handle
    assert session_of(ada)("get", "/whoami/").json["client_id"] is None


def test_app_does_not_see_the_email_address(ada: User, api: Caller) -> None:
    assert "email" not in api("get", "/profile/").json
    assert session_of(ada)("get", "/profile/").json["email"] == ada.email


def test_activity_shows_the_user_all_and_an_app_its_own(ada: User) -> None:
    remember(ada, "One.")
    notes = app_of(ada)
    notes("get", "/memories/")
    app_of(ada)("get", "/memories/")
    assert [row["action"] for row in session_of(ada)("get", "/activity/").json["results"]] == [
        "memory:list",
        "app:connect",
        "memory:list",
        "app:connect",
        "memory:create",
    ]
    [own] = notes("get", "/activity/").json["results"]
    assert (own["action"], own["door"]) == ("memory:list", "api")


# --- Queries ----------------------------------------------------------------------------------------------

LISTS = ["/memories/", "/tags/", "/trash/", "/activity/", "/memories/{id}/history/"]


@pytest.mark.parametrize("path", LISTS)
def test_longer_list_needs_no_more_queries(
    ada: User, path: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    person = session_of(ada)
    memory = remember(ada, "First.")
    add_rows(ada, memory, 1)
    with django_assert_max_num_queries(9) as short_queries:
        short_list = person("get", path.format(id=memory.pk))
    add_rows(ada, memory, 12)
    with django_assert_max_num_queries(len(short_queries)):
        long_list = person("get", path.format(id=memory.pk))
    assert len(long_list.json["results"]) > len(short_list.json["results"])


def add_rows(ada: User, memory: Memory, count: int) -> None:
    for number in range(count):
        remember(ada, f"A thing {count} {number}.", tags=[f"tag {count} {number}", "things"])
        writes.trash_memory(session(ada), remember(ada, "Gone.", tags=["gone"]).pk)
        writes.update_memory(session(ada), memory.pk, text=f"Then {count} {number}.")
