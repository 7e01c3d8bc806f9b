"""Exact duplicates, similar memories and tags over REST."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from memories import scopes
from memories.models import Memory
from tests.factories import remember
from tests.memories.api.callers import Caller, app_of, session_of
from tests.oauth.flows import access_token, allow, make_app

pytestmark = pytest.mark.django_db
TEXT = "I am allergic to peanuts."


@pytest.fixture
def api(ada: User) -> Caller:
    return app_of(ada, *scopes.DESCRIPTIONS)


# --- Exact duplicates ----------------------------------------------------------------------------------------


def test_on_duplicate_decides_what_happens_to_equal_text(api: Caller, ada: User) -> None:
    existing = remember(ada, TEXT)
    returned = api("post", "/memories/?on_duplicate=return", {"text": f" {TEXT}\r\n"})
    assert (returned.status, returned.json["id"], returned.headers["ETag"]) == (200, str(existing.pk), '"1"')
    refused = api("post", "/memories/?on_duplicate=refuse", {"text": TEXT})
    assert (refused.status, refused.code) == (409, "duplicate")
    assert refused.json["duplicate_of"] == str(existing.pk)
    assert Memory.objects.count() == 1
    for path in ("/memories/", "/memories/?on_duplicate=keep"):
        assert api("post", path, {"text": TEXT}).status == 201


@pytest.mark.parametrize("on_duplicate", ["return", "refuse"])
def test_different_text_is_created_with_any_on_duplicate(on_duplicate: str, api: Caller, ada: User) -> None:
    remember(ada, TEXT)
    assert (
        api("post", f"/memories/?on_duplicate={on_duplicate}", {"text": f"{TEXT} And almonds."}).status == 201
    )


def test_duplicates_that_the_caller_cannot_read_are_not_revealed(ada: User, bob: User) -> None:
    remember(ada, TEXT)
    for caller in (session_of(bob), app_of(ada, scopes.WRITE)):
        assert caller("post", "/memories/?on_duplicate=refuse", {"text": TEXT}).status == 201


def test_on_duplicate_is_validated_and_part_of_the_idempotent_request(api: Caller) -> None:
    assert api("post", "/memories/?on_duplicate=drop", {"text": TEXT}).json["errors"][0]["pointer"] == (
        "?on_duplicate"
    )
    path = "/memories/?on_duplicate=return"
    first = api("post", path, {"text": TEXT}, Idempotency_Key="k")
    again = api("post", path, {"text": TEXT}, Idempotency_Key="k")
    assert (again.status, again.json) == (first.status, first.json)
    assert api("post", "/memories/", {"text": TEXT}, Idempotency_Key="k").code == "key_reused"


# --- Similar memories ------------------------------------------------------------------------------------------------


def test_similar_memories_are_listed_with_their_cosine(
    api: Caller, ada: User, index: Callable[[], int], settings: object
) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"  # type: ignore[attr-defined]
    older, newer = remember(ada, "My dog drinks coffee."), remember(ada, "My puppy drinks espresso.")
    assert api("get", f"/memories/{newer.pk}/similar/").json == {"results": []}
    index()
    [similar] = api("get", f"/memories/{newer.pk}/similar/").json["results"]
    assert (similar["memory"]["id"], similar["is_same"]) == (str(older.pk), True)
    assert 0.99 < similar["cosine"] <= 1


def test_two_memories_are_merged(api: Caller, ada: User) -> None:
    older, newer = remember(ada, "My dog runs."), remember(ada, "My puppy runs.", tags=["dog"])
    path = f"/memories/{newer.pk}/similar/{older.pk}/unite/"
    merged = api("post", path, {"merge": True}, Idempotency_Key="k")
    assert (merged.status, merged.json["id"]) == (200, str(older.pk))
    assert (merged.json["text"], merged.json["tags"]) == ("My dog runs.\n\nMy puppy runs.", ["dog"])
    assert merged.headers["ETag"] == f'"{merged.json["version"]}"'
    assert api("post", path, {"merge": True}, Idempotency_Key="k").json == merged.json
    assert api("post", path, {}).status == 404  # the newer is in the trash


def test_merge_without_options_replaces_the_older_text(api: Caller, ada: User) -> None:
    older, newer = remember(ada, "One."), remember(ada, "Two.")
    assert api("post", f"/memories/{older.pk}/similar/{newer.pk}/unite/", {}).json["text"] == "Two."
    assert api("get", f"/memories/{older.pk}/history/").texts == ["One."]


def test_keeping_both_is_stored_and_repeatable(
    api: Caller, ada: User, index: Callable[[], int], settings: object
) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"  # type: ignore[attr-defined]
    older, newer = remember(ada, "My dog runs."), remember(ada, "My puppy runs.")
    index()
    for _ in range(2):
        assert api("post", f"/memories/{newer.pk}/similar/{older.pk}/keep/").status == 204
    [similar] = api("get", f"/memories/{older.pk}/similar/").json["results"]
    assert not similar["is_same"]


def test_memory_cannot_be_paired_with_itself(api: Caller, ada: User) -> None:
    own = remember(ada, "One.")
    for action, body in (("unite", {}), ("keep", None)):
        assert api("post", f"/memories/{own.pk}/similar/{own.pk}/{action}/", body).status == 404


def test_app_that_needs_approval_cannot_merge_or_keep_both(ada: User) -> None:
    own, other = remember(ada, "One."), remember(ada, "Two.")
    app = make_app()
    allow(ada, app, asks_first=True)
    caller = Caller(Client(), {"Authorization": f"Bearer {access_token(ada, app)}"})
    for action, body in (("unite", {}), ("keep", None)):
        answer = caller("post", f"/memories/{own.pk}/similar/{other.pk}/{action}/", body)
        assert (answer.status, answer.code) == (403, "session_required")
    assert Memory.objects.filter(deleted_at=None).count() == 2


# --- Tags -------------------------------------------------------------------------------------------------


def tag_ids(api: Caller) -> dict[str, str]:
    return {tag["name"]: tag["id"] for tag in api("get", "/tags/").json["results"]}


def test_tag_can_be_renamed_merged_and_removed(api: Caller, ada: User) -> None:
    remember(ada, "One.", tags=["wrok"])
    remember(ada, "Two.", tags=["job"])
    tag = tag_ids(api)["wrok"]
    assert api("patch", f"/tags/{tag}/", {"name": "work"}).json == {"id": tag, "name": "work"}
    assert api("post", f"/tags/{tag_ids(api)['job']}/merge/", {"into": tag}).json == {
        "id": tag,
        "name": "work",
    }
    assert tag_ids(api) == {"work": tag}
    assert api("delete", f"/tags/{tag}/").status == 204
    assert tag_ids(api) == {}
    assert Memory.objects.count() == 2


def test_repeated_tag_merge_with_same_key_returns_stored_response(api: Caller, ada: User) -> None:
    remember(ada, "One.", tags=["job"])
    remember(ada, "Two.", tags=["work"])
    path, into = f"/tags/{tag_ids(api)['job']}/merge/", {"into": tag_ids(api)["work"]}
    first = api("post", path, into, Idempotency_Key="k")
    again = api("post", path, into, Idempotency_Key="k")
    assert (first.status, again.content) == (200, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_rename_to_name_in_use_is_rejected(api: Caller, ada: User) -> None:
    remember(ada, "One.", tags=["job", "work"])
    taken = api("patch", f"/tags/{tag_ids(api)['job']}/", {"name": "WORK"})
    assert (taken.status, taken.json["errors"][0]["code"]) == (400, "taken")
    assert set(tag_ids(api)) == {"job", "work"}


def test_tag_of_another_user_cannot_be_merged_into(api: Caller, ada: User, bob: User) -> None:
    own, foreign = remember(ada, "Ada's.", tags=["x"]), remember(bob, "Bob's.", tags=["y"])
    [own_tag], [foreign_tag] = own.tags.all(), foreign.tags.all()
    for into in (str(foreign_tag.pk), str(uuid4())):
        assert api("post", f"/tags/{own_tag.pk}/merge/", {"into": into}).status == 404
    assert set(tag_ids(api)) == {"x"}
