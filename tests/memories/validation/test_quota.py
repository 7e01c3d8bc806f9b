"""The memory limit per user that an operator can set, through every channel."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from memories.models import ImportState, Memory
from memories.portability.imports import run as import_run
from memories.portability.imports import staged_items
from memories.services import writes
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
    assert "The import stopped after 2 of 3: you have reached the limit of stored memories." in html
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
