"""A newer memory replaces an older one over REST: linked, shown as past, found after what holds now."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from memories import scopes
from tests.factories import remember
from tests.memories.api.callers import Caller, app_of, session_of
from tests.oauth.flows import access_token, allow, make_app

pytestmark = pytest.mark.django_db

OLD, NEW = "I live in Berlin.", "I moved from Berlin to Hamburg."


@pytest.fixture
def api(ada: User) -> Caller:
    return app_of(ada, *scopes.DESCRIPTIONS)


@pytest.fixture
def older(api: Caller) -> str:
    return str(api("post", "/memories/", {"text": OLD}).json["id"])


def limited_app_of(user: User, **limits: Any) -> Caller:
    app = make_app()
    allow(user, app, **limits)
    return Caller(Client(), {"Authorization": f"Bearer {access_token(user, app)}"})


def read_links(api: Caller, memory_id: str) -> tuple[Any, Any, Any]:
    memory = api("get", f"/memories/{memory_id}/").json
    return memory["supersedes"], memory["superseded_by"], memory["superseded_at"]


def test_new_memory_supersedes_an_older_one(api: Caller, older: str) -> None:
    newer = api("post", "/memories/", {"text": NEW, "supersedes": older}).json
    assert newer["supersedes"] == older
    assert read_links(api, older) == (None, newer["id"], newer["created_at"])
    assert read_links(api, newer["id"]) == (older, None, None)


def test_link_is_set_and_removed_by_patch_and_kept_by_other_changes(api: Caller, older: str) -> None:
    newer = api("post", "/memories/", {"text": NEW}).json["id"]
    assert api("patch", f"/memories/{newer}/", {"supersedes": older}).json["supersedes"] == older
    assert api("patch", f"/memories/{newer}/", {"text": "Hamburg."}).json["supersedes"] == older
    changed = api("patch", f"/memories/{newer}/", {"supersedes": None}).json
    assert (changed["supersedes"], changed["version"]) == (None, 4)
    assert read_links(api, older) == (None, None, None)


def test_put_without_a_link_removes_it(api: Caller, older: str) -> None:
    newer = api("post", "/memories/", {"text": NEW, "supersedes": older}).json["id"]
    assert api("put", f"/memories/{newer}/", {"text": NEW}).json["supersedes"] is None


def test_search_lists_what_holds_first_and_says_what_is_past(
    api: Caller, older: str, index: Callable[[], int]
) -> None:
    newer = api("post", "/memories/", {"text": NEW, "supersedes": older}).json
    index()
    results = api("post", "/memories/search/", {"query": "Where do I live?"}).json["results"]
    shown = [(each["memory"]["id"], each["memory"]["superseded_at"]) for each in results]
    assert shown == [(newer["id"], None), (older, newer["created_at"])]


@pytest.mark.parametrize("method", ["post", "patch"])
def test_invalid_links_are_errors_of_the_field(
    api: Caller, bob: User, older: str, ada: User, method: str
) -> None:
    newer = api("post", "/memories/", {"text": NEW, "supersedes": older}).json["id"]
    other = str(remember(ada, "Something else.").pk)
    of_bob = str(remember(bob, "Private.").pk)

    def link(supersedes: object, memory_id: str = other) -> tuple[int, Any]:
        path = "/memories/" if method == "post" else f"/memories/{memory_id}/"
        body = {"supersedes": supersedes} | ({"text": "New."} if method == "post" else {})
        answer = api(method, path, body)
        assert answer.json["errors"][0]["pointer"] == "#/supersedes"
        return answer.status, answer.json["errors"][0]["code"]

    assert link(of_bob) == link(str(uuid4())) == (400, "not_found")
    assert link(older) == (400, "superseded")
    assert link("nonsense") == link(7) == (400, "invalid")
    if method == "patch":
        assert link(newer, older) == link(older, older) == (400, "circle")


def test_bulk_operations_link(api: Caller, older: str) -> None:
    operations = [
        {"op": "create", "text": NEW, "supersedes": older},
        {"op": "create", "text": "Munich.", "supersedes": older},
        {"op": "trash", "id": older, "supersedes": None},
    ]
    answer = api("post", "/memories/bulk/", {"operations": operations})
    assert answer.status == 400  # trashing takes no link
    first, second = api("post", "/memories/bulk/", {"operations": operations[:2]}).json["results"]
    assert (first["status"], first["memory"]["supersedes"]) == (201, older)
    assert (second["status"], second["problem"]["errors"][0]["code"]) == (400, "superseded")


def test_app_links_only_what_it_sees(ada: User, older: str) -> None:
    tagged = remember(ada, "At work.", tags=["work"])
    app = limited_app_of(ada, only_tags=frozenset(tagged.tags.values_list("pk", flat=True)))
    refused = app("post", "/memories/", {"text": NEW, "supersedes": older})
    assert (refused.status, refused.json["errors"][0]["code"]) == (400, "not_found")
    linked = app("post", "/memories/", {"text": NEW, "supersedes": str(tagged.pk)})
    assert linked.json["supersedes"] == str(tagged.pk)


def test_link_of_an_app_can_need_approval(ada: User, older: str) -> None:
    app = limited_app_of(ada, asks_first=True)
    waiting = app("post", "/memories/", {"text": NEW, "supersedes": older})
    assert waiting.status == 202
    api = session_of(ada)
    assert read_links(api, older) == (None, None, None)
    [proposal] = api("get", "/proposals/").json["results"]
    assert proposal["changes"]["supersedes"] == older
    accepted = api("post", f"/proposals/{proposal['id']}/accept/", {}).json
    assert read_links(api, older)[1] == accepted["id"]


def test_answer_says_which_citation_is_past(api: Caller, older: str, index: Callable[[], int]) -> None:
    newer = api("post", "/memories/", {"text": NEW, "supersedes": older}).json
    index()
    answer = api("post", "/personas/me/ask/", {"question": "Where did I live in Berlin before?"}).json
    past = {each["memory_id"]: each["superseded_by"] for each in answer["citations"] + answer["closest"]}
    assert past.get(older, newer["id"]) == newer["id"]
    assert past[newer["id"]] is None
