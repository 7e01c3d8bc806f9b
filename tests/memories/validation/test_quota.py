"""The limits per user that an operator can set, through every channel."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from memories.models import ImportState, Memory, Tag
from memories.portability.imports import run as import_run
from memories.portability.imports import staged_items
from memories.services import writes
from memories.validation.drafts import NewMemory
from tests.factories import remember, session
from tests.memories.api.callers import session_of
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def limit_to_three(settings: Settings) -> None:
    settings.MEMORIES_PER_PERSON = 3


def get_error_codes(error: ValidationError) -> list[str | None]:
    return [each.code for each in error.error_dict["text"]]


def test_memories_beyond_quota_are_rejected_until_there_is_room(ada: User, bob: User) -> None:
    first, *_ = [remember(ada, f"Number {n}.") for n in range(3)]
    writes.trash_memory(session(ada), first.pk)
    with pytest.raises(ValidationError) as error_info:
        remember(ada, "One more.", tags=["x"])
    assert get_error_codes(error_info.value) == ["quota"]
    assert remember(bob, "Another person's.")
    writes.delete_memory(session(ada), first.pk)
    assert remember(ada, "One more.")


def test_bulk_creates_memories_up_to_quota(ada: User) -> None:
    operations = [{"op": "create", "text": f"Number {n}."} for n in range(5)]
    results = session_of(ada)("post", "/memories/bulk/", {"operations": operations}).json["results"]
    assert [each["status"] for each in results] == [201, 201, 201, 400, 400]
    assert results[3]["problem"]["errors"][0]["code"] == "quota"


def test_import_beyond_quota_is_rejected_at_start(ada: User, ada_client: Client) -> None:
    batch = stage(session(ada), file_of("".join(f"[2025-01-01] - Number {n}.\n" for n in range(4))))
    with pytest.raises(ValidationError):
        import_run.start_import(session(ada), batch.pk)
    html = ada_client.post(f"/memories/import/{batch.pk}/start/", follow=True).content.decode()
    assert "You can store at most 3 memories" in html
    batch.refresh_from_db()
    assert (batch.state, Memory.objects.count()) == (ImportState.STAGED, 0)


def test_import_ends_early_when_quota_is_reached(
    ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_items, "ROW_ITEMS", 1)
    batch = stage(session(ada), file_of("".join(f"[2025-01-01] - Number {n}.\n" for n in range(3))))
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk, seconds=0)
    saved = remember(ada, "By hand.")
    html = ada_client.post(f"/memories/import/{batch.pk}/go-on/", follow=True).content.decode()
    assert "You have reached the limit of stored memories." in html
    batch_json = session_of(ada)("get", f"/import/{batch.pk}/").json
    assert (batch_json["state"], batch_json["done"], batch_json["ended_by"]) == ("done", 2, "room")
    import_run.undo_import(session(ada), batch.pk)
    assert list(Memory.objects.filter(deleted_at=None)) == [saved]


def test_nothing_is_counted_without_quota(
    ada: User, settings: Settings, django_assert_num_queries: object
) -> None:
    settings.MEMORIES_PER_PERSON = 0
    remember(ada, "Her keys are at hand from now on.")
    with django_assert_num_queries(1):  # type: ignore[operator]
        remember(ada, "One.")


def test_room_is_rarely_counted_while_there_is_much_and_exact_at_the_end(
    ada: User, settings: Settings, django_assert_num_queries: object
) -> None:
    settings.MEMORIES_PER_PERSON = 640
    remember(ada, "The first is counted.")
    with django_assert_num_queries(9):  # type: ignore[operator]  # a hundredth of what is left needs no count
        for number in range(9):
            remember(ada, f"Number {number}.")
    writes.create_memories(session(ada), [NewMemory(f"Many {number}.") for number in range(630)])
    with pytest.raises(ValidationError):
        remember(ada, "One more.")
    assert Memory.objects.count() == 640


def test_tags_beyond_quota_are_rejected_and_nothing_is_saved(
    ada: User, bob: User, settings: Settings
) -> None:
    settings.MEMORIES_PER_PERSON, settings.TAGS_PER_PERSON = 0, 2
    memory = remember(ada, "Tea.", tags=["drink", "hot"])
    assert remember(ada, "Coffee.", tags=["Hot"])
    with pytest.raises(ValidationError) as error_info:
        remember(ada, "Ice.", tags=["cold", "hot"])
    assert [each.code for each in error_info.value.error_dict["tags"]] == ["quota"]
    answer = session_of(ada)("patch", f"/memories/{memory.pk}/", {"tags": ["new"]})
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "quota")
    assert answer.json["errors"][0]["pointer"] == "#/tags"
    assert (Memory.objects.count(), Tag.objects.count()) == (2, 2)
    assert remember(bob, "Ice.", tags=["cold", "hot"])


def test_import_with_too_many_tags_stops_with_the_reason(ada: User, settings: Settings) -> None:
    settings.TAGS_PER_PERSON = 2  # one of them is that of the format
    table = "text,tags\n" + "".join(f"Number {n}.,tag{n}\n" for n in range(3))
    batch = stage(session(ada), file_of(table))
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.ended_by, Memory.objects.count()) == (ImportState.DONE, "room", 0)
    assert Tag.objects.count() == 0


def test_earlier_versions_beyond_quota_are_rejected(
    ada: User, ada_client: Client, settings: Settings
) -> None:
    settings.REVISIONS_PER_PERSON = 2
    memory = remember(ada, "Version 1.")
    for number in (2, 3):
        writes.update_memory(session(ada), memory.pk, text=f"Version {number}.")
    with pytest.raises(ValidationError) as error_info:
        writes.update_memory(session(ada), memory.pk, text="Version 4.")
    assert get_error_codes(error_info.value) == ["quota"]
    html = ada_client.post(f"/memories/{memory.pk}/edit/", {"text": "Version 4.", "visibility": "private"})
    assert "earlier versions" in html.content.decode()
    memory.refresh_from_db()
    assert memory.text == "Version 3."
    writes.update_memory(session(ada), memory.pk, tags=["still"])
    writes.trash_memory(session(ada), memory.pk)
    writes.delete_memory(session(ada), memory.pk)
    other = remember(ada, "Another.")
    writes.update_memory(session(ada), other.pk, text="There is room again.")
