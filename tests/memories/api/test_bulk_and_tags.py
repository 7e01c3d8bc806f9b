"""What becomes of memories, over REST: the same text twice, alike ones, tags."""

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


def test_two_become_one_over_rest(api: Caller, ada: User) -> None:
    older, newer = remember(ada, "My dog runs."), remember(ada, "My puppy runs.", tags=["dog"])
    path = f"/memories/{newer.pk}/similar/{older.pk}/unite/"
    united = api("post", path, {"merge": True}, Idempotency_Key="k")
    assert (united.status, united.json["id"]) == (200, str(older.pk))
    assert (united.json["text"], united.json["tags"]) == ("My dog runs.\n\nMy puppy runs.", ["dog"])
    assert united.headers["ETag"] == f'"{united.json["version"]}"'
    assert api("post", path, {"merge": True}, Idempotency_Key="k").json == united.json
    assert api("post", path, {}).status == 404  # the newer is in the trash


def test_without_a_wish_the_older_takes_the_newer_text(api: Caller, ada: User) -> None:
    older, newer = remember(ada, "One."), remember(ada, "Two.")
    assert api("post", f"/memories/{older.pk}/similar/{newer.pk}/unite/", {}).json["text"] == "Two."
    assert api("get", f"/memories/{older.pk}/history/").texts == ["One."]


def test_that_both_are_kept_is_remembered(
    api: Caller, ada: User, index: Callable[[], int], settings: object
) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"  # type: ignore[attr-defined]
    older, newer = remember(ada, "My dog runs."), remember(ada, "My puppy runs.")
    index()
    for _ in range(2):
        assert api("post", f"/memories/{newer.pk}/similar/{older.pk}/keep/").status == 204
    [found] = api("get", f"/memories/{older.pk}/similar/").json["results"]
    assert not found["is_same"]


def test_a_memory_is_no_other_one_beside_itself(api: Caller, ada: User) -> None:
    own = remember(ada, "One.")
    for act, body in (("unite", {}), ("keep", None)):
        assert api("post", f"/memories/{own.pk}/similar/{own.pk}/{act}/", body).status == 404


def test_an_app_whose_writes_wait_decides_nothing_about_two(ada: User) -> None:
    own, other = remember(ada, "One."), remember(ada, "Two.")
    app = make_app()
    allow(ada, app, asks_first=True)
    caller = Caller(Client(), {"Authorization": f"Bearer {access_token(ada, app)}"})
    for act, body in (("unite", {}), ("keep", None)):
        answer = caller("post", f"/memories/{own.pk}/similar/{other.pk}/{act}/", body)
        assert (answer.status, answer.code) == (403, "session_required")
    assert Memory.objects.filter(deleted_at=None).count() == 2


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


def test_a_merge_that_is_asked_again_by_its_key_is_answered_the_same(api: Caller, ada: User) -> None:
    remember(ada, "One.", tags=["job"])
    remember(ada, "Two.", tags=["work"])
    path, into = f"/tags/{ids(api)['job']}/merge/", {"into": ids(api)["work"]}
    first = api("post", path, into, Idempotency_Key="k")
    again = api("post", path, into, Idempotency_Key="k")
    assert (first.status, again.content) == (200, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"


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
