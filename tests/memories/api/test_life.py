"""What becomes of memories, over REST: the same text twice, alike ones, tags."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from accounts.models import User
from memories import scopes
from memories.models import Memory
from tests.factories import remember
from tests.memories.api.callers import Caller, app_of, session_of

pytestmark = pytest.mark.django_db
TEXT = "I am allergic to peanuts."


@pytest.fixture
def api(ada: User) -> Caller:
    return app_of(ada, *scopes.DESCRIPTIONS)


# --- The same text ----------------------------------------------------------------------------------------


def test_the_same_text_is_kept_twice_unless_it_is_said_otherwise(api: Caller, ada: User) -> None:
    own = remember(ada, TEXT)
    returned = api("post", "/memories/?on_duplicate=return", {"text": f" {TEXT}\r\n"})
    assert (returned.status, returned.json["id"], returned.headers["ETag"]) == (200, str(own.pk), '"1"')
    refused = api("post", "/memories/?on_duplicate=refuse", {"text": TEXT})
    assert (refused.status, refused.code) == (409, "duplicate")
    assert refused.json["duplicate_of"] == str(own.pk)
    assert Memory.objects.count() == 1
    for path in ("/memories/", "/memories/?on_duplicate=keep"):
        assert api("post", path, {"text": TEXT}).status == 201


@pytest.mark.parametrize("wish", ["return", "refuse"])
def test_another_text_is_new_whatever_is_wished(wish: str, api: Caller, ada: User) -> None:
    remember(ada, TEXT)
    assert api("post", f"/memories/?on_duplicate={wish}", {"text": f"{TEXT} And almonds."}).status == 201


def test_nobody_is_told_of_what_they_may_not_read(ada: User, bob: User) -> None:
    remember(ada, TEXT)
    for caller in (session_of(bob), app_of(ada, scopes.WRITE)):
        assert caller("post", "/memories/?on_duplicate=refuse", {"text": TEXT}).status == 201


def test_the_wish_is_checked_and_is_part_of_the_request(api: Caller) -> None:
    assert api("post", "/memories/?on_duplicate=drop", {"text": TEXT}).json["errors"][0]["pointer"] == (
        "?on_duplicate"
    )
    path = "/memories/?on_duplicate=return"
    first = api("post", path, {"text": TEXT}, Idempotency_Key="k")
    again = api("post", path, {"text": TEXT}, Idempotency_Key="k")
    assert (again.status, again.json) == (first.status, first.json)
    assert api("post", "/memories/", {"text": TEXT}, Idempotency_Key="k").code == "key_reused"


# --- Alike ------------------------------------------------------------------------------------------------


def test_alike_memories_are_named_with_how_near_they_are(
    api: Caller, ada: User, index: Callable[[], int], settings: object
) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"  # type: ignore[attr-defined]
    older, newer = remember(ada, "My dog drinks coffee."), remember(ada, "My puppy drinks espresso.")
    assert api("get", f"/memories/{newer.pk}/similar/").json == {"results": []}
    index()
    [found] = api("get", f"/memories/{newer.pk}/similar/").json["results"]
    assert (found["memory"]["id"], found["is_same"]) == (str(older.pk), True)
    assert 0.99 < found["cosine"] <= 1


# --- Tags -------------------------------------------------------------------------------------------------


def ids(api: Caller) -> dict[str, str]:
    return {tag["name"]: tag["id"] for tag in api("get", "/tags/").json["results"]}


def test_a_tag_is_renamed_merged_and_removed(api: Caller, ada: User) -> None:
    remember(ada, "One.", tags=["wrok"])
    remember(ada, "Two.", tags=["job"])
    tag = ids(api)["wrok"]
    assert api("patch", f"/tags/{tag}/", {"name": "work"}).json == {"id": tag, "name": "work"}
    assert api("post", f"/tags/{ids(api)['job']}/merge/", {"into": tag}).json == {"id": tag, "name": "work"}
    assert ids(api) == {"work": tag}
    assert api("delete", f"/tags/{tag}/").status == 204
    assert ids(api) == {}
    assert Memory.objects.count() == 2


def test_a_rename_makes_no_one_tag_of_two(api: Caller, ada: User) -> None:
    remember(ada, "One.", tags=["job", "work"])
    taken = api("patch", f"/tags/{ids(api)['job']}/", {"name": "WORK"})
    assert (taken.status, taken.json["errors"][0]["code"]) == (400, "taken")
    assert set(ids(api)) == {"job", "work"}


def test_two_of_different_people_become_none(api: Caller, ada: User, bob: User) -> None:
    own, strange = remember(ada, "Ada's.", tags=["x"]), remember(bob, "Bob's.", tags=["y"])
    [its_tag], [other] = own.tags.all(), strange.tags.all()
    for into in (str(other.pk), str(uuid4())):
        assert api("post", f"/tags/{its_tag.pk}/merge/", {"into": into}).status == 404
    assert set(ids(api)) == {"x"}
